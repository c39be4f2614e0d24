import { codePoints } from './text';
import type { Entry } from './model';

/** Take out of `entry` what came from the offsets in `gone`. */
export function redactEntry(entry: Entry, gone: ReadonlySet<number>): void {
  if (entry.pieces) {
    entry.pieces = entry.pieces.filter(piece => !gone.has(piece[0]));
    entry.chars = entry.pieces.reduce((sum, piece) => sum + codePoints(piece[1]), 0);
    entry.offset = entry.pieces[0]?.[0] ?? entry.offset;
  }
  if (entry.result && gone.has(entry.result.offset)) {
    delete entry.result;
  }
  if (entry.answer && gone.has(entry.answer.offset)) {
    delete entry.answer;
  }
}
