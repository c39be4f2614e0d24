/** A part of a chat's history around one event, far from what is live. */

import { Fold, LIMITS } from './fold';
import type { Entry, Event } from './model';

/** A page of events after an offset, oldest first; `earliest`: the oldest that is kept. */
export type Page = (
  after: number,
  limit: number
) => Promise<{ events: Event[]; earliest: number; head: number }>;

const BEFORE = 100;
const PAGE = 400;

/** Events `from` to `to`, growing at either end as the reader asks for more. */
export class Excerpt {
  timeline: Entry[] = [];
  from = 0;
  to = 0;
  earliest = 1;
  head = 0;
  private events: Event[] = [];
  private loading: Promise<void> | null = null;

  private constructor(
    private readonly page: Page,
    private readonly changed: () => void
  ) {}

  static async around(offset: number, page: Page, changed: () => void): Promise<Excerpt> {
    const excerpt = new Excerpt(page, changed);
    await excerpt.load(Math.max(0, offset - 1 - BEFORE), PAGE);
    return excerpt;
  }

  get hasOlder(): boolean {
    return this.from > this.earliest;
  }

  get hasNewer(): boolean {
    return this.to < this.head;
  }

  loadOlder(): Promise<void> {
    const after = Math.max(0, this.from - 1 - PAGE);
    return this.once(() => this.load(after, this.from - 1 - after));
  }

  loadNewer(): Promise<void> {
    return this.once(() => this.load(this.to, PAGE));
  }

  private once(load: () => Promise<void>): Promise<void> {
    this.loading ??= load().finally(() => (this.loading = null));
    return this.loading;
  }

  private async load(after: number, limit: number): Promise<void> {
    if (limit <= 0) {
      return;
    }
    const { events, earliest, head } = await this.page(after, limit);
    const below = events.filter(event => event.offset < this.from);
    const above = events.filter(event => event.offset > this.to);
    this.events = this.to === 0 ? events : [...below, ...this.events, ...above];
    this.earliest = earliest;
    this.head = head;
    this.from = this.events[0]?.offset ?? this.from;
    this.to = this.events[this.events.length - 1]?.offset ?? head;
    // Folded as a whole, and with all their text: what belongs together finds itself across the pages.
    const fold = new Fold(undefined, { ...LIMITS, timeline: Infinity, text: Infinity });
    this.events.forEach(event => fold.apply(event));
    this.timeline = fold.state.timeline;
    this.changed();
  }
}
