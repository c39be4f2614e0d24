/** Of long output what stands around the text that somebody looks for. */

import type { Filter } from './filter';
import type { Entry } from './model';

/** Lines of output that stay on either side of the text that was looked for, */
const AROUND = 3;
/** and at most so many characters, as a line may have any length. */
const REACH = 1_000;
/** Stands where lines are left out. */
const GAP = '…\n';

/** Entries as a search shows them: of a long run of output only the lines around what was looked for. */
export function around(entries: Entry[], { text }: Filter): Entry[] {
  const sought = text.trim().toLowerCase();
  return sought === '' ? entries : entries.flatMap(entry => partsIn(entry, sought));
}

/** What was made of an entry, as it was then; whoever draws it compares objects. */
const made = new WeakMap<Entry, { stamp: string; parts: Entry[] }>();

function partsIn(entry: Entry, sought: string): Entry[] {
  if (entry.type !== 'output' || !entry.pieces) {
    return [entry];
  }
  const stamp = [entry.pieces[0]?.[0], entry.last, entry.chars, sought].join();
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
  // A few letters become two: then nothing is where it was.
  let at = lower.length === all.length ? lower.indexOf(sought) : -1;
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
