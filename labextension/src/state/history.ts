/** The history of one task, wherever the chat's timeline has already moved on. */

import { Fold, LIMITS } from './fold';
import type { Entry, Event, Task } from './model';
import { join } from './seam';

/** Pages of events, newest page first. */
export type Pages = (before: number) => Promise<{ events: Event[]; earliest: number }>;

const PAGES = 8;

/** A task's entries below an offset, loaded from its end towards its beginning. */
export class TaskHistory {
  entries: Entry[] = [];
  task: Task | null = null;
  /** Nothing older is to be had. */
  complete = false;
  /** From which event on its entries are there. */
  from: number;
  private loading: Promise<void> | null = null;

  /** Up to where it goes. */
  readonly end: number;

  /**
   * @param first the offset of the task's first event
   * @param before load what is below this offset
   */
  constructor(
    private readonly taskId: string,
    private readonly first: number,
    before: number,
    private readonly pages: Pages
  ) {
    this.from = before;
    this.end = before;
    this.complete = before <= first;
  }

  /** Load more, at most a few pages. */
  more(): Promise<void> {
    this.loading ??= this.load().finally(() => (this.loading = null));
    return this.loading;
  }

  private async load(): Promise<void> {
    for (let page = 0; page < PAGES && !this.complete; page++) {
      const { events, earliest } = await this.pages(this.from);
      const fold = new Fold(undefined, { ...LIMITS, timeline: 10_000 });
      for (const event of events) {
        if (event.task_id === this.taskId) {
          fold.apply(event);
        }
      }
      this.entries = join(fold.state.timeline, this.entries);
      this.task ??= fold.state.tasks[this.taskId] ?? null;
      const reached = events[0]?.offset ?? 0;
      this.complete = events.length === 0 || reached <= this.first || reached <= earliest;
      this.from = reached;
      if (fold.state.timeline.length > 100) {
        return;
      }
    }
  }
}
