/** Where views that were put back stand: below the outputs of their cell, in the order of their tasks. */

import { Panel } from '@lumino/widgets';

import { InlineTask } from '../inline/renderer';
import type { Sparky, TaskRef } from '../tokens';
import type { Cell } from './notebook';

export class Shelf extends Panel {
  private readonly views = new Map<string, InlineTask>();
  private readonly parts: MutationObserver;

  constructor(
    private readonly sparky: Sparky,
    readonly cell: Cell
  ) {
    super();
    this.addClass('sparky-shelf');
    // A cell that is off the screen is empty; its own parts come when it is scrolled to.
    this.parts = new MutationObserver(() => this.place());
    this.parts.observe(cell.node, { childList: true });
    this.place();
  }

  has(taskId: string): boolean {
    return this.views.has(taskId);
  }

  /** Show these tasks, in this order, and no others. */
  hold(refs: TaskRef[]): void {
    const wanted = new Set(refs.map(ref => ref.task_id));
    [...this.views.keys()].filter(id => !wanted.has(id)).forEach(id => this.take(id));
    refs.forEach((ref, n) => {
      let view = this.views.get(ref.task_id);
      if (!view) {
        view = new InlineTask(this.sparky, ref);
        view.addClass('sparky-putback');
        this.views.set(ref.task_id, view);
      }
      if (this.widgets[n] !== view) {
        this.insertWidget(n, view);
      }
    });
  }

  /** Take a view away; whether there was one. */
  take(taskId: string): boolean {
    this.views.get(taskId)?.dispose();
    return this.views.delete(taskId);
  }

  override dispose(): void {
    this.parts.disconnect();
    this.views.clear();
    super.dispose();
  }

  /** After the cell's outputs, or last where they are not there yet. */
  private place(): void {
    const { layout, outputArea } = this.cell;
    const { widgets } = layout;
    const from = widgets.indexOf(this);
    const outputs = outputArea?.parent ? widgets.indexOf(outputArea.parent) : -1;
    if (this.isDisposed || (from >= 0 && outputs < 0) || (outputs >= 0 && from === outputs + 1)) {
      return;
    }
    // An index counts without the shelf itself, where that is in the cell already.
    layout.insertWidget(
      outputs < 0 ? widgets.length : outputs + (from < 0 || from > outputs ? 1 : 0),
      this
    );
  }
}
