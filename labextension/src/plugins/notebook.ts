/**
 * The few things that are needed of a notebook's widgets.
 *
 * Written down here rather than imported: @jupyterlab/notebook would double what has to be
 * installed to build this, and these have been so since JupyterLab 4.0.
 */

import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Kernel } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';
import type { PanelLayout, Widget } from '@lumino/widgets';

export interface OutputModel {
  readonly data: Record<string, unknown>;
}

export interface Cell extends Widget {
  readonly model: {
    readonly id: string;
    readonly type: string;
    readonly outputs?: {
      readonly length: number;
      get(index: number): OutputModel;
      readonly changed: ISignal<unknown, unknown>;
    };
  };
  readonly outputArea?: Widget & { readonly layout: PanelLayout };
  readonly layout: PanelLayout;
}

export interface Notebook extends Widget {
  readonly widgets: readonly Cell[];
  activeCellIndex: number;
  isSelectedOrActive(cell: Cell): boolean;
  scrollToItem?(index: number, align?: string): Promise<void>;
  readonly modelContentChanged?: ISignal<unknown, unknown>;
  readonly model: { readonly cells: { readonly changed: ISignal<unknown, unknown> } } | null;
}

export interface NotebookPanel extends Widget {
  readonly content: Notebook;
  readonly context: DocumentRegistry.Context;
}

/** The code cell with an id, and where it is. */
export function findCell(
  panel: NotebookPanel,
  cellId: string
): { cell: Cell; index: number } | null {
  const index = panel.content.widgets.findIndex(cell => cell.model.id === cellId);
  const cell = panel.content.widgets[index];
  return cell ? { cell, index } : null;
}

/** Tells of each time that this page asks the notebook's kernel to run a cell. */
export function onExecution(panel: NotebookPanel, listener: (cellId: string) => void): () => void {
  const { sessionContext } = panel.context;
  let kernel: Kernel.IKernelConnection | null = null;
  const hear = (_: unknown, { msg, direction }: Kernel.IAnyMessageArgs): void => {
    const { cellId } = msg.metadata;
    if (direction === 'send' && msg.header.msg_type === 'execute_request') {
      listener(typeof cellId === 'string' ? cellId : '');
    }
  };
  const watch = (): void => {
    kernel?.anyMessage.disconnect(hear);
    kernel = sessionContext.session?.kernel ?? null;
    kernel?.anyMessage.connect(hear);
  };
  sessionContext.kernelChanged.connect(watch);
  watch();
  return () => {
    sessionContext.kernelChanged.disconnect(watch);
    kernel?.anyMessage.disconnect(hear);
  };
}
