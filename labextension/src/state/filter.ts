/** Which entries a reader wants to see. */

import type { Entry } from './model';

export const KINDS = ['messages', 'thoughts', 'tools', 'output', 'steps'] as const;
export type Kind = (typeof KINDS)[number];

export interface Filter {
  hidden: Kind[];
  errorsOnly: boolean;
  text: string;
  taskId: string | null;
}

export const EVERYTHING: Filter = { hidden: [], errorsOnly: false, text: '', taskId: null };

export function kindOf(entry: Entry): Kind {
  switch (entry.type) {
    case 'message_sent':
    case 'message_received':
    case 'question':
      return 'messages';
    case 'thought':
      return 'thoughts';
    case 'tool_use':
    case 'tool_result':
      return 'tools';
    case 'output':
      return 'output';
    default:
      return 'steps';
  }
}

export function isError(entry: Entry): boolean {
  const { type, data, result } = entry;
  return (
    (type === 'status' && (data['state'] === 'failed' || data['state'] === 'lost')) ||
    (type === 'tool_result' && data['status'] === 'error') ||
    result?.status === 'error' ||
    (type === 'output' && (data['level'] === 'ERROR' || data['level'] === 'CRITICAL')) ||
    (type === 'command' && data['outcome'] === 'rejected')
  );
}

/** Whether a filter hides anything at all. */
export function isNarrow({ hidden, errorsOnly, text, taskId }: Filter): boolean {
  return hidden.length > 0 || errorsOnly || text.trim() !== '' || taskId !== null;
}

/** Whether a filter asks for something, rather than hiding what is not of interest now. */
export function isSearch({ errorsOnly, text }: Filter): boolean {
  return errorsOnly || text.trim() !== '';
}

/** Whether `filter` lets an entry through. */
export function passes(entry: Entry, filter: Filter): boolean {
  const text = filter.text.trim().toLowerCase();
  return (
    (filter.taskId === null || entry.task_id === filter.taskId) &&
    (filter.errorsOnly ? isError(entry) : !filter.hidden.includes(kindOf(entry))) &&
    (!text || wordsOf(entry).includes(text))
  );
}

/** The entries of `entries` that `filter` lets through; the same array where it lets all through. */
export function select(entries: Entry[], filter: Filter): Entry[] {
  return isNarrow(filter) ? entries.filter(entry => passes(entry, filter)) : entries;
}

/** What was made of an entry; a search looks at thousands, at each drawing, and few have changed. */
const known = new WeakMap<Entry, { stamp: string; words: string }>();

function wordsOf(entry: Entry): string {
  const { offset, last, chars = 0, result, answer } = entry;
  const stamp = [offset, last, chars, result?.offset, answer?.offset].join();
  const before = known.get(entry);
  if (before?.stamp === stamp) {
    return before.words;
  }
  const pieces = entry.pieces?.map(piece => piece[1]).join('') ?? '';
  const rest = JSON.stringify([entry.data, entry.result?.result, entry.answer?.text]);
  const words = `${entry.type} ${pieces} ${rest}`.toLowerCase();
  known.set(entry, { stamp, words });
  return words;
}
