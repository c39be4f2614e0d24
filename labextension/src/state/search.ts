/** Goes back through a history that may be long, for the little that a filter lets through. */

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
/** Lines of output that stay on either side of the text that was looked for, */
const AROUND = 3;
/** and at most so many characters, as a line may have any length. */
const REACH = 1_000;
/** Stands where lines are left out. */
const GAP = '…\n';

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
      return excerpts(shown, this.filter);
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
    return excerpts(all, this.filter);
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
      ...excerpts(select(timeline, this.filter), this.filter),
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

/** Entries as a search shows them: of a long run of output only the lines around what was looked for. */
export function excerpts(entries: Entry[], { text }: Filter): Entry[] {
  const sought = text.trim().toLowerCase();
  return sought === '' ? entries : entries.flatMap(entry => excerptsOf(entry, sought));
}

/** What was made of an entry, as it was then; whoever draws it compares objects. */
const made = new WeakMap<Entry, { stamp: string; parts: Entry[] }>();

function excerptsOf(entry: Entry, sought: string): Entry[] {
  if (entry.type !== 'output' || !entry.pieces) {
    return [entry];
  }
  const stamp = [first(entry), entry.last, entry.chars, sought].join();
  const before = made.get(entry);
  if (before?.stamp === stamp) {
    return before.parts;
  }
  const parts = partsOf(entry, entry.pieces, sought);
  made.set(entry, { stamp, parts });
  return parts;
}

function partsOf(entry: Entry, pieces: [number, string][], sought: string): Entry[] {
  const all = pieces.map(piece => piece[1]).join('');
  const spans = spansWith(all, sought);
  const [only] = spans;
  if (!only || (only[0] === 0 && only[1] === all.length)) {
    return [entry];
  }
  const parts: Entry[] = [];
  let n = 0;
  let start = 0; // of the piece n, in all
  for (const [from, to] of spans) {
    for (let length = 0; start + (length = pieces[n]?.[1].length ?? 1) <= from; n++) {
      start += length;
    }
    const kept: [number, string][] = [];
    for (let m = n, at = start; at < to && m < pieces.length; m++) {
      const [offset, text] = pieces[m] as [number, string];
      kept.push([offset, text.slice(Math.max(0, from - at), to - at)]);
      at += text.length;
    }
    const begun = kept[0] as [number, string];
    if (from > start) {
      begun[1] = GAP + begun[1];
    }
    const before = parts.at(-1);
    const shared = before?.pieces?.at(-1);
    if (before && shared?.[0] === begun[0]) {
      shared[1] += begun[1]; // an event stands in one place only
      before.pieces?.push(...kept.slice(1));
      before.last = kept.at(-1)?.[0] ?? before.last;
    } else {
      const cut = n > 0 || entry.cut === true;
      const last = kept.at(-1)?.[0] ?? entry.last;
      parts.push({ ...entry, pieces: kept, offset: begun[0], last, ...(cut ? { cut } : {}) });
    }
  }
  return parts;
}

/** Where `sought` stands in a text, with the lines around it. */
function spansWith(all: string, sought: string): [number, number][] {
  const lower = all.toLowerCase();
  const spans: [number, number][] = [];
  let at = lower.indexOf(sought);
  while (at >= 0) {
    const end = at + sought.length;
    const from = at - linesBefore(all.slice(Math.max(0, at - REACH), at));
    const to = end + linesAfter(all.slice(end, end + REACH));
    const before = spans.at(-1);
    if (before && from <= before[1]) {
      before[1] = to;
    } else {
      spans.push([from, to]);
    }
    at = lower.indexOf(sought, end);
  }
  return spans;
}

/** How many characters at the end of a text its last lines are, the one that goes on and those before it. */
function linesBefore(text: string): number {
  return text
    .split('\n')
    .slice(-1 - AROUND)
    .join('\n').length;
}

/** How many characters at the beginning of a text its first lines are, with what ends the last. */
function linesAfter(text: string): number {
  const lines = text.split('\n');
  return lines.length <= AROUND + 1
    ? text.length
    : lines.slice(0, AROUND + 1).join('\n').length + 1;
}
