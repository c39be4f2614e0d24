/**
 * Puts the views of a cell's latest execution back where its output was never saved, or where the
 * cell was run in another page. They are hung into the page beside the outputs: the notebook's file
 * and its list of changes stay as they are.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { Widget } from '@lumino/widgets';

import { refOf, SHOWN_EVENT } from '../inline/renderer';
import { isEnded } from '../state/model';
import { owed } from '../state/owed';
import type { Sparky, TaskRef } from '../tokens';
import { ISparky, MIME_TYPE } from '../tokens';
import type { TaskItem } from '../transport/overview';
import type { Cell, NotebookPanel } from './notebook';
import { onExecution } from './notebook';
import { Kept } from './kept';
import { isSameFile } from './paths';
import { Shelf } from './shelf';

const CLEAR_CHOSEN = 'notebook:clear-cell-output';
const CLEAR_ALL = 'notebook:clear-all-cell-outputs';
const SETTLE_MS = 150;
const YOUNG_MS = 1_500;
/** What is heard of so soon after the notebook was opened is not new. */
const OPENING_MS = 3_000;
/** How far a file's time and a task's may be apart and still mean the same moment. */
const SLACK_MS = 2_000;

class PutBack implements IDisposable {
  private readonly shelves = new Map<string, Shelf>();
  /** Tasks whose outputs were cleared, or whose cell was run again: people do not want them back. */
  private readonly dismissed = new Set<string>();
  private readonly kept = new Kept();
  private readonly seen = new Map<string, Set<string>>();
  /** When tasks of this notebook were heard of first. */
  private readonly met = new Map<string, number>();
  private readonly stops: (() => void)[] = [];
  private timer: number | undefined;
  private log: string | undefined;
  private readonly openedAt = Date.now();
  isDisposed = false;

  constructor(
    app: JupyterFrontEnd,
    private readonly sparky: Sparky,
    private readonly panel: NotebookPanel
  ) {
    const { overview } = sparky.hub;
    const later = (): void => this.later();
    this.stops.push(overview.beat.subscribe(later));
    this.stops.push(sparky.hub.page.listen(signal => signal === 'wake' && later()));
    panel.context.fileChanged.connect(later);
    sparky.settingsChanged.connect(later);
    this.stops.push(() => panel.context.fileChanged.disconnect(later));
    this.stops.push(() => sparky.settingsChanged.disconnect(later));
    panel.disposed.connect(() => this.dispose());
    this.stops.push(
      onExecution(panel, cellId => {
        // Whatever the cell had shown gives way to what it does now, even if that is nothing.
        this.dismiss([cellId]);
      })
    );
    // JupyterLab sees no outputs in a cell that has only views which were put back.
    const cleared = (_: unknown, { id }: { id: string }): void => {
      if (app.shell.currentWidget === panel && (id === CLEAR_CHOSEN || id === CLEAR_ALL)) {
        const { content } = panel;
        const cells = content.widgets.filter(
          it => id === CLEAR_ALL || content.isSelectedOrActive(it)
        );
        this.dismiss(cells.map(cell => cell.model.id));
      }
    };
    app.commands.commandExecuted.connect(cleared);
    this.stops.push(() => app.commands.commandExecuted.disconnect(cleared));
    const shown = (event: Event): void => this.giveWay(event as CustomEvent<string>);
    panel.node.addEventListener(SHOWN_EVENT, shown);
    this.stops.push(() => panel.node.removeEventListener(SHOWN_EVENT, shown));
    void panel.context.ready.then(() => {
      if (this.isDisposed) {
        return;
      }
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
      this.shelves.forEach(shelf => shelf.dispose());
      this.shelves.clear();
    }
  }

  /** Whatever these cells have started is not wanted back. */
  private dismiss(cellIds: string[]): void {
    const tasks = this.byCell();
    for (const { task_id: taskId } of cellIds.flatMap(id => tasks.get(id) ?? [])) {
      this.dismissed.add(taskId);
      this.kept.delete(taskId);
    }
    this.later();
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
    const wanted = new Map<string, TaskItem[]>();
    if (this.sparky.settings.putBack) {
      this.panel.content.widgets.forEach(cell => this.watchCleared(cell));
      this.byCell().forEach((tasks, cellId) => wanted.set(cellId, this.toShow(cellId, tasks)));
    }
    for (const [cellId, shelf] of this.shelves) {
      if (!wanted.get(cellId)?.length || shelf.isDisposed || shelf.parent !== shelf.cell) {
        shelf.dispose();
        this.shelves.delete(cellId);
      }
    }
    for (const cell of this.panel.content.widgets) {
      const tasks = wanted.get(cell.model.id);
      if (tasks?.length && cell.model.outputs) {
        const shelf = this.shelfOf(cell);
        this.kept.add(tasks.map(task => task.task_id).filter(id => !shelf.has(id)));
        shelf.hold(tasks.map(task => this.refTo(task)));
      }
    }
  }

  private shelfOf(cell: Cell): Shelf {
    let shelf = this.shelves.get(cell.model.id);
    if (shelf?.cell !== cell) {
      shelf?.dispose(); // the cell was moved: another widget shows it now
      shelf = new Shelf(this.sparky, cell);
      this.shelves.set(cell.model.id, shelf);
    }
    return shelf;
  }

  private refTo({ task_id, chat_id }: TaskItem): TaskRef {
    return { v: 1, task_id, chat_id, ...(this.log ? { log_id: this.log } : {}) };
  }

  /** All tasks that this notebook's cells have started. */
  private byCell(): Map<string, TaskItem[]> {
    const found = new Map<string, TaskItem[]>();
    for (const task of this.sparky.hub.overview.tasks.values()) {
      const cellId = task.origin?.cell_id;
      if (cellId && isSameFile(task.origin?.path, this.panel.context.path)) {
        found.set(cellId, [...(found.get(cellId) ?? []), task]);
        this.meet(task);
      }
    }
    return found;
  }

  /** Those that the cell owes a view and nobody cleared. */
  private toShow(cellId: string, tasks: TaskItem[]): TaskItem[] {
    const modified = Date.parse(this.panel.context.contentsModel?.last_modified ?? '') || 0;
    const shown = this.seen.get(cellId) ?? new Set();
    return owed(tasks, shown).filter(task => {
      const saved = modified > task.created + SLACK_MS && task.created < this.openedAt;
      const young = Date.now() - (this.met.get(task.task_id) ?? 0) < YOUNG_MS;
      return !(
        (young && !this.shelves.get(cellId)?.has(task.task_id)) ||
        this.dismissed.has(task.task_id) ||
        (saved && isEnded(task.state) && !this.kept.has(task.task_id))
      );
    });
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
        this.kept.delete(taskId);
      }
    }
    this.seen.set(id, now);
  }

  /** An output draws the task itself: there is never more than one view of it in a cell. */
  private giveWay({ detail, target }: CustomEvent<string>): void {
    for (const shelf of this.shelves.values()) {
      if (target instanceof Node && shelf.cell.node.contains(target) && shelf.take(detail)) {
        this.met.set(detail, Date.now()); // the list of outputs will say so in a moment
        this.later();
      }
    }
  }
}

export const putBackPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:put-back',
  description: 'Puts views of tasks back under their cells.',
  autoStart: true,
  requires: [ISparky],
  activate: (app: JupyterFrontEnd, sparky: Sparky): void => {
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew(panel: Widget, _context: DocumentRegistry.Context): IDisposable {
        const putBack = new PutBack(app, sparky, panel as NotebookPanel);
        return new DisposableDelegate(() => putBack.dispose());
      }
    });
  }
};
