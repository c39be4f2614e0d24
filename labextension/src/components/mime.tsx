/** What Jupyter knows how to draw, drawn by Jupyter, as something that is not trusted. */

import { MimeModel } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { PartialJSONObject } from '@lumino/coreutils';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import type { FormEvent } from 'react';
import { memo, useEffect, useRef } from 'react';

import { useEnv } from './env';
import { svgAddress } from './svg';

type Bundle = Record<string, unknown>;

/** Draws the best safe representation in `data`. Scripts never run; HTML is sanitised. */
export const Mime = memo(function Mime({ data, label }: { data: Bundle; label?: string }) {
  const { rendermime, trans } = useEnv();
  const host = useRef<HTMLDivElement>(null);
  const renderer = useRef<{ mime: string; widget: IRenderMime.IRenderer } | null>(null);
  const svg = svgOf(data);

  useEffect(() => {
    const node = host.current;
    if (!node || svg) {
      return;
    }
    const bundle = data as PartialJSONObject;
    const mime = rendermime.preferredMimeType(bundle, 'ensure');
    if (!mime) {
      node.textContent = trans.__('Nothing here can be shown safely.');
      return;
    }
    if (renderer.current?.mime !== mime) {
      detach(renderer.current?.widget);
      const widget = rendermime.createRenderer(mime);
      renderer.current = { mime, widget };
      node.textContent = '';
      MessageLoop.sendMessage(widget, Widget.Msg.BeforeAttach);
      node.appendChild(widget.node);
      MessageLoop.sendMessage(widget, Widget.Msg.AfterAttach);
    }
    const model = new MimeModel({ data: bundle, trusted: false });
    renderer.current.widget.renderModel(model).catch((error: unknown) => {
      node.textContent = error instanceof Error ? error.message : String(error);
    });
  }, [rendermime, trans, data, svg]);

  useEffect(
    () => () => {
      detach(renderer.current?.widget);
      renderer.current = null;
    },
    []
  );

  if (svg) {
    return <img className="sparky-image" src={svgAddress(svg)} alt={label ?? trans.__('Image')} />;
  }
  return (
    <div className="sparky-mime jp-RenderedHTMLCommon-host" ref={host} onSubmit={sendNothing} />
  );
});

/** A form in what somebody else wrote would take the page elsewhere, or send a form of ours. */
function sendNothing(event: FormEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

function detach(widget: IRenderMime.IRenderer | undefined): void {
  if (widget && !widget.isDisposed) {
    if (widget.isAttached) {
      MessageLoop.sendMessage(widget, Widget.Msg.BeforeDetach);
      widget.node.remove();
      MessageLoop.sendMessage(widget, Widget.Msg.AfterDetach);
    }
    widget.dispose();
  }
}

function svgOf(data: Bundle): string | null {
  const svg = data['image/svg+xml'];
  if (svg === undefined || 'image/png' in data || 'image/jpeg' in data) {
    return null;
  }
  const text = Array.isArray(svg) ? svg.join('') : svg;
  return typeof text === 'string' ? text : null;
}
