/** Where an event is among entries. */

import type { Entry } from './model';

/** Whether the entry shows this event: as its first, a piece of its text, its result, its answer, its outcome. */
export function holds(entry: Entry, offset: number): boolean {
  return (
    entry.offset === offset ||
    entry.last === offset ||
    entry.result?.offset === offset ||
    entry.answer?.offset === offset ||
    (entry.pieces?.some(piece => piece[0] === offset) ?? false)
  );
}

/** Whether an event was of a long run of text that has lost its beginning since: its place is there, it is not. */
export function isCutOff(entries: Entry[], offset: number): boolean {
  const cut = (entry: Entry): boolean =>
    entry.cut === true && entry.offset <= offset && offset < (entry.pieces?.[0]?.[0] ?? 0);
  return entries.some(cut) && !entries.some(entry => !cut(entry) && holds(entry, offset));
}

/**
 * The index of the entry that shows an event, or of the one before it where none does (progress, say);
 * -1 where all entries are newer.
 */
export function seek(entries: Entry[], offset: number): number {
  const exact = entries.findIndex(entry => holds(entry, offset));
  if (exact >= 0) {
    return exact;
  }
  let before = -1;
  while (before + 1 < entries.length && (entries[before + 1] as Entry).offset < offset) {
    before += 1;
  }
  return before;
}
