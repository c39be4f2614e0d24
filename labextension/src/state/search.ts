/** Goes back through a history that may be long, for the little that a filter lets through. */

import { around } from './around';
import type { Filter } from './filter';
import { passes, select } from './filter';
import { Fold, LIMITS } from './fold';
import type { Entry, Event } from './model';
import { join } from './seam';

/** The events before an offset, oldest first, and the oldest that is kept; null: that life of the chat is over. */
export type Earlier = (before: number) => Promise<{ events: Event[]; earliest: number } | null>;

/** With so many more the reader has something to look at: further back only if he asks again. */
const ENOUGH = 20;
/** What a page keeps of what was found. */
const MOST = 20_000;
/**
 * From which event on a timeline tells all that a filter asks for: it is whole from `from` on, but
 * the older text of a long run may have been cut.
 */
export function wholeFrom(timeline: Entry[], from: number, filter: Filter): number {
  if (filter.text.trim() === '') {
    return from;
  }
  const cut = timeline.filter(entry => entry.cut && passes(entry, { ...filter, text: '' }));
  return Math.max(from, ...cut.map(first));
}

/** What older events hold of what a filter asks for; nothing else is kept of them. */
export class Search {
  running = false;
  /** Every event from this offset on has been looked at. */
  from: number;
  private found: Entry[] = [];
  /** What is newer and may have begun in the page that is read next. */
  private edge: Entry[];
  /** Results whose calls may be much further back. */
  private loose: Entry[];
  /** What has found its beginning, which tells it now. */
  private readonly absorbed = new WeakSet<Entry>();
  private turn = 0;

  /**
   * @param begin look at what is older than this offset
   * @param earliest nothing that is older than this one is looked for
   * @param newer the entries that are known, up to the newest
   */
  constructor(
    readonly filter: Filter,
    readonly begin: number,
    private earliest: number,
    newer: Entry[],
    private readonly pages: Earlier,
    private readonly changed: () => void
  ) {
    this.from = begin;
    this.edge = newer.filter(entry => entry.data['final'] === true);
    this.loose = newer.filter(isLoose);
  }

  /** There is more to look at, and room for what it holds. */
  get hasOlder(): boolean {
    return this.from > this.earliest && !this.isFull;
  }

  get isFull(): boolean {
    return this.found.length >= MOST;
  }

  /** Look further back until something is found, the beginning is reached or somebody stops it. */
  async run(): Promise<void> {
    if (this.running) {
      return;
    }
    const turn = ++this.turn;
    const enough = this.found.length + ENOUGH;
    this.running = true;
    this.changed();
    try {
      while (this.hasOlder && this.found.length < enough) {
        const page = await this.pages(this.from);
        if (turn !== this.turn) {
          return; // stopped, perhaps begun again
        }
        if (page === null) {
          break;
        }
        this.earliest = Math.max(this.earliest, page.earliest);
        this.take(page.events);
        this.changed();
      }
    } finally {
      if (turn === this.turn) {
        this.stop();
      }
    }
  }

  /** A page that is on its way is not waited for. */
  stop(): void {
    this.turn += 1;
    this.running = false;
    this.changed();
  }

  /** All that is known of what the filter asks for, `newer` being the entries as they are now. */
  with(newer: Entry[]): Entry[] {
    const shown = select(newer, this.filter);
    if (this.found.length === 0) {
      return around(shown, this.filter);
    }
    // Where both know an entry the newer one stands: it may still change.
    const known = new Set<number>();
    for (const entry of shown) {
      if (entry.offset < this.begin) {
        (entry.pieces?.map(([offset]) => offset) ?? [entry.offset]).forEach(n => known.add(n));
      }
    }
    const older = this.found.filter(entry => !known.has(first(entry)));
    const all = [...older, ...shown]
      .filter(entry => !this.absorbed.has(entry))
      .sort((a, b) => first(a) - first(b));
    return around(all, this.filter);
  }

  private take(events: Event[]): void {
    this.from = events[0]?.offset ?? this.earliest;
    // Unlike a timeline, which may grow for weeks, a page is looked at before its text is cut.
    const text = this.filter.text.trim() === '' ? LIMITS.text : Infinity;
    const fold = new Fold(undefined, { ...LIMITS, timeline: Infinity, text });
    events.forEach(event => fold.apply(event));
    const { timeline } = fold.state;
    const later = [...this.edge, ...this.loose];
    const apart = new Set(join(timeline, later).slice(timeline.length));
    later.filter(entry => !apart.has(entry)).forEach(entry => this.absorbed.add(entry));
    this.loose = [...apart].filter(isLoose);
    this.edge = timeline.filter(entry => entry.type !== 'output'); // a run need not be whole
    this.found = [
      ...around(select(timeline, this.filter), this.filter),
      ...this.found.filter(entry => !this.absorbed.has(entry))
    ];
  }
}

/** A result without its call, which must be older. */
function isLoose(entry: Entry): boolean {
  return entry.type === 'tool_result';
}

/** The first event of an entry that is still there. */
function first(entry: Entry): number {
  return entry.pieces?.[0]?.[0] ?? entry.offset;
}
