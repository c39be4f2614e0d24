/** What an entry means beside its neighbours: whose it is, which day it is of, whether it is told already. */

import type { Entry } from './model';

/** Whether another entry says it: an answer stands at its question, a message that was sent as received. */
export function isTold(entries: readonly Entry[], index: number): boolean {
  const entry = entries[index];
  switch (entry?.type) {
    case 'message_received':
      return (
        questionOf(entries, index, asked => asked.answer?.offset === entry.offset) !== undefined
      );
    case 'command':
      return isCommandTold(entries, index, entry);
    case 'status':
      return isPauseTold(entries, index, entry);
    default:
      return false;
  }
}

function isCommandTold(
  entries: readonly Entry[],
  index: number,
  { data, task_id }: Entry
): boolean {
  const args = (data['args'] ?? {}) as Record<string, unknown>;
  if (data['outcome'] !== 'applied') {
    return false; // it is under way, or came to nothing
  }
  if (data['name'] === 'answer') {
    const asked = (question: Entry): boolean =>
      question.answer !== undefined && question.data['question_id'] === args['question_id'];
    return questionOf(entries, index, asked) !== undefined;
  }
  return (
    data['name'] === 'message' &&
    entries.some(
      (each, n) =>
        n > index &&
        each.type === 'message_received' &&
        each.task_id === task_id &&
        each.data['text'] === args['text']
    )
  );
}

/** A task that asks waits, and runs again when it has its answer: its question says both. */
function isPauseTold(entries: readonly Entry[], index: number, entry: Entry): boolean {
  const { data, task_id } = entry;
  if (data['state'] === 'waiting') {
    return before(entries, index, task_id)?.type === 'question';
  }
  if (data['state'] !== 'running') {
    return false;
  }
  const last = before(entries, index, task_id, ({ type }) => type === 'status');
  return last?.data['state'] === 'waiting' && last.data['attempt'] === data['attempt'];
}

function questionOf(
  entries: readonly Entry[],
  index: number,
  is: (question: Entry) => boolean
): Entry | undefined {
  return before(
    entries,
    index,
    entries[index]?.task_id ?? null,
    each => each.type === 'question' && is(each)
  );
}

/**
 * Whether what a task gives back stands right before: a cell shows its last value, an agent's last
 * message is its result.
 */
export function isResultTold(entries: readonly Entry[], index: number): boolean {
  const { type, data, task_id } = entries[index] as Entry;
  const result = data['result'];
  if (type !== 'status' || typeof result !== 'string') {
    return false;
  }
  const last = before(entries, index, task_id);
  if (last?.type === 'message_sent') {
    return (
      last.pieces
        ?.map(piece => piece[1])
        .join('')
        .trim() === result.trim()
    );
  }
  const mime = last?.data['mime'] as Record<string, unknown> | null | undefined;
  return mime?.['text/plain'] === result;
}

/** The nearest entry of a task before an index. */
function before(
  entries: readonly Entry[],
  index: number,
  taskId: string | null,
  is: (entry: Entry) => boolean = () => true
): Entry | undefined {
  for (let n = index - 1; n >= 0; n--) {
    const entry = entries[n] as Entry;
    if (entry.task_id === taskId && is(entry)) {
      return entry;
    }
  }
  return undefined;
}

/** The nearest entry before an index that is shown. */
export function shownBefore(entries: readonly Entry[], index: number): Entry | undefined {
  for (let n = index - 1; n >= 0; n--) {
    if (!isTold(entries, n)) {
      return entries[n];
    }
  }
  return undefined;
}

/** Whether two moments are of different days where the viewer is. */
export function isOtherDay(a: number, b: number): boolean {
  return new Date(a).toDateString() !== new Date(b).toDateString();
}
