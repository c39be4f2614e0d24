/** Draws a task in a cell's output: it needs neither the kernel nor a trusted notebook. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';

import { EnvContext } from '../components/env';
import { Mime } from '../components/mime';
import type { Sparky, TaskRef } from '../tokens';
import { MIME_TYPE } from '../tokens';
import { InlineView } from './view';

/** An output shows a task now: whatever was put back for it gives way. */
export const SHOWN_EVENT = 'sparky-shown';
/** Marks a view that hangs beside the outputs. */
const PUT_BACK = '.sparky-putback';

/** The ids in an output, or null where it holds none. */
export function refOf(data: unknown): TaskRef | null {
  const ref = data as Partial<TaskRef> | null | undefined;
  return ref && typeof ref.task_id === 'string' && typeof ref.chat_id === 'string'
    ? { v: 1, ...ref, task_id: ref.task_id, chat_id: ref.chat_id }
    : null;
}

/** A task under its cell, from ids alone. */
export class InlineTask extends ReactWidget implements IRenderMime.IRenderer {
  private ref: TaskRef | null;
  private saved: Record<string, unknown> = {};

  constructor(
    private readonly sparky: Sparky,
    ref: TaskRef | null = null
  ) {
    super();
    this.ref = ref;
    this.addClass('sparky-inline');
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.ref = refOf(model.data[MIME_TYPE]);
    this.saved = model.data;
    this.announce();
    this.update();
    return this.renderPromise ?? Promise.resolve();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.announce();
    this.update();
  }

  private announce(): void {
    if (this.ref && this.isAttached && !this.node.matches(PUT_BACK)) {
      const detail = this.ref.task_id;
      this.node.dispatchEvent(new CustomEvent(SHOWN_EVENT, { bubbles: true, detail }));
    }
  }

  protected override render(): JSX.Element | null {
    if (!this.ref) {
      return null;
    }
    if (!this.node.matches(PUT_BACK) && isRepeated(this, this.ref.task_id)) {
      return <p className="sparky-note">{this.sparky.trans.__('This task is shown above.')}</p>;
    }
    const saved = withoutWidgets(this.saved);
    return (
      <EnvContext.Provider value={this.sparky}>
        <InlineView taskRef={this.ref} fallback={<Mime data={saved} />} />
      </EnvContext.Provider>
    );
  }
}

/** Exactly one view of a task in a cell: a second output of it points to the first. */
function isRepeated(view: InlineTask, taskId: string): boolean {
  const cell = view.node.closest('.jp-Cell');
  const all = cell?.querySelectorAll(`[data-sparky-task="${CSS.escape(taskId)}"]`) ?? [];
  const first = [...all].find(node => !node.closest(PUT_BACK)); // what was put back gives way
  return first !== undefined && !view.node.contains(first);
}

/** What was saved beside the ids, less what only a running kernel can draw. */
function withoutWidgets(data: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(data).filter(([mime]) => mime === 'text/html' || mime === 'text/plain')
  );
}
