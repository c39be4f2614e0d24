/**
 * Puts a task's view back under its cell where the output was never saved, or where the cell was run
 * in another page. The view is hung into the page beside the outputs: the notebook's file and its
 * list of changes stay as they are.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { Widget } from '@lumino/widgets';

import { InlineTask, refOf, SHOWN_EVENT } from '../inline/renderer';
import { isEnded } from '../state/model';
import type { Sparky } from '../tokens';
import { ISparky, MIME_TYPE } from '../tokens';
import type { TaskItem } from '../transport/overview';
import type { Cell, NotebookPanel } from './notebook';
import { isSameFile } from './paths';

const SETTLE_MS = 150;
const YOUNG_MS = 1_500;
/** What is heard of so soon after the notebook was opened is not new. */
const OPENING_MS = 3_000;
/** How far a file's time and a task's may be apart and still mean the same moment. */
const SLACK_MS = 2_000;

class PutBack implements IDisposable {
  private readonly views = new Map<string, { view: InlineTask; cell: Cell }>();
  /** Tasks whose outputs were here and were cleared: people do not want them back. */
  private readonly dismissed = new Set<string>();
  private readonly seen = new Map<string, Set<string>>();
  /** When tasks of this notebook were heard of first. */
  private readonly met = new Map<string, number>();
  private readonly stops: (() => void)[] = [];
  private timer: number | undefined;
  private log: string | undefined;
  private readonly openedAt = Date.now();
  isDisposed = false;

  constructor(
    private readonly sparky: Sparky,
    private readonly panel: NotebookPanel
  ) {
    const { overview } = sparky.hub;
    const later = (): void => this.later();
    this.stops.push(overview.beat.subscribe(later));
    this.stops.push(sparky.hub.page.listen(signal => signal === 'wake' && later()));
    panel.context.fileChanged.connect(later);
    sparky.settingsChanged.connect(later);
    panel.disposed.connect(() => this.dispose());
    const shown = (event: Event): void => this.giveWay(event as CustomEvent<string>);
    panel.node.addEventListener(SHOWN_EVENT, shown);
    this.stops.push(() => panel.node.removeEventListener(SHOWN_EVENT, shown));
    void panel.context.ready.then(() => {
      const model = panel.context.model;
      model.contentChanged.connect(later);
      this.stops.push(() => model.contentChanged.disconnect(later));
      later();
    });
    sparky.hub.health().then(
      ({ log }) => {
        this.log = log?.id;
        later();
      },
      () => undefined // asked again by the views themselves
    );
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.isDisposed = true;
      window.clearTimeout(this.timer);
      this.stops.forEach(stop => stop());
      this.views.forEach(({ view }) => view.dispose());
      this.views.clear();
    }
  }

  private later(): void {
    if (this.timer === undefined && !this.isDisposed && !this.sparky.hub.page.hidden) {
      this.timer = window.setTimeout(() => {
        this.timer = undefined;
        if (!this.isDisposed && this.panel.context.isReady) {
          this.settle();
        }
      }, SETTLE_MS);
    }
  }

  /** Make what is shown what ought to be shown. */
  private settle(): void {
    const wanted = new Map<string, { task: TaskItem; cell: Cell }>();
    if (this.sparky.settings.putBack) {
      for (const cell of this.panel.content.widgets) {
        this.watchCleared(cell);
      }
      this.candidates().forEach((task, cellId) => {
        const cell = this.panel.content.widgets.find(each => each.model.id === cellId);
        if (cell?.model.outputs) {
          wanted.set(task.task_id, { task, cell });
        }
      });
    }
    for (const [taskId, { view, cell }] of this.views) {
      if (wanted.get(taskId)?.cell !== cell || !view.isAttached) {
        view.dispose();
        this.views.delete(taskId);
      }
    }
    for (const [taskId, { task, cell }] of wanted) {
      if (!this.views.has(taskId)) {
        this.show(task, cell);
      }
    }
  }

  /** The newest task of each cell, where its output does not show it and nobody cleared it. */
  private candidates(): Map<string, TaskItem> {
    const { context } = this.panel;
    const newest = new Map<string, TaskItem>();
    for (const task of this.sparky.hub.overview.tasks.values()) {
      const cellId = task.origin?.cell_id;
      if (cellId && isSameFile(task.origin?.path, context.path)) {
        const other = newest.get(cellId);
        if (!other || other.created < task.created) {
          newest.set(cellId, task);
        }
        this.meet(task);
      }
    }
    const modified = Date.parse(context.contentsModel?.last_modified ?? '') || 0;
    for (const [cellId, task] of newest) {
      const shown = this.seen.get(cellId);
      const saved = modified > task.created + SLACK_MS && task.created < this.openedAt;
      const young = Date.now() - (this.met.get(task.task_id) ?? 0) < YOUNG_MS;
      if (
        shown?.has(task.task_id) ||
        (young && !this.views.has(task.task_id)) ||
        this.dismissed.has(task.task_id) ||
        (saved && isEnded(task.state))
      ) {
        newest.delete(cellId);
      }
    }
    return newest;
  }

  /** A task that begins now may be in an output in a moment: look again then. */
  private meet({ task_id: taskId, created }: TaskItem): void {
    if (!this.met.has(taskId)) {
      const fresh =
        Date.now() > this.openedAt + OPENING_MS || Math.abs(Date.now() - created) < OPENING_MS;
      this.met.set(taskId, fresh ? Date.now() : 0);
      if (fresh) {
        window.setTimeout(() => this.later(), YOUNG_MS);
      }
    }
  }

  /** Keep account of the tasks in a cell's outputs; those that leave are gone for good. */
  private watchCleared(cell: Cell): void {
    const { outputs, id } = cell.model;
    const now = new Set<string>();
    for (let n = 0; outputs && n < outputs.length; n++) {
      const ref = refOf(outputs.get(n).data[MIME_TYPE]);
      if (ref) {
        now.add(ref.task_id);
      }
    }
    for (const taskId of this.seen.get(id) ?? []) {
      if (!now.has(taskId)) {
        this.dismissed.add(taskId);
      }
    }
    this.seen.set(id, now);
  }

  /** An output draws the task itself: there is never more than one view of it in a cell. */
  private giveWay({ detail, target }: CustomEvent<string>): void {
    const held = this.views.get(detail);
    if (held && target instanceof Node && held.cell.node.contains(target)) {
      held.view.dispose();
      this.views.delete(detail);
      this.met.set(detail, Date.now()); // the list of outputs will say so in a moment
      this.later();
    }
  }

  private show(task: TaskItem, cell: Cell): void {
    const ref = { v: 1, task_id: task.task_id, chat_id: task.chat_id };
    const view = new InlineTask(this.sparky, this.log ? { ...ref, log_id: this.log } : ref);
    view.addClass('sparky-putback');
    place(view, cell);
    // A cell that is off the screen is empty; its own parts come when it is scrolled to.
    const parts = new MutationObserver(() => place(view, cell));
    parts.observe(cell.node, { childList: true });
    view.disposed.connect(() => parts.disconnect());
    this.views.set(task.task_id, { view, cell });
  }
}

/** Put the view after the cell's outputs, or last where they are not there yet. */
function place(view: Widget, { layout, outputArea }: Cell): void {
  const { widgets } = layout;
  const from = widgets.indexOf(view);
  const outputs = outputArea?.parent ? widgets.indexOf(outputArea.parent) : -1;
  if (view.isDisposed || (from >= 0 && outputs < 0) || (outputs >= 0 && from === outputs + 1)) {
    return;
  }
  // An index counts without the view itself, where that is in the cell already.
  layout.insertWidget(
    outputs < 0 ? widgets.length : outputs + (from < 0 || from > outputs ? 1 : 0),
    view
  );
}

export const putBackPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:put-back',
  description: 'Puts views of tasks back under their cells.',
  autoStart: true,
  requires: [ISparky],
  activate: (app: JupyterFrontEnd, sparky: Sparky): void => {
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew(panel: Widget, _context: DocumentRegistry.Context): IDisposable {
        const putBack = new PutBack(sparky, panel as NotebookPanel);
        return new DisposableDelegate(() => putBack.dispose());
      }
    });
  }
};
