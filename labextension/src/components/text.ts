import type { Entry } from '../state/model';

/** All text of an entry that is known. */
export function textOf(entry: Entry): string {
  return entry.pieces?.map(piece => piece[1]).join('') ?? '';
}

export function str(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
