import { deepStrictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import type { TaskItem } from '../src/transport/overview';
import { inOrder, isRecordGone } from '../src/transport/overview';

function task(task_id: string, more: Partial<TaskItem> = {}): TaskItem {
  return {
    task_id,
    chat_id: 'c',
    name: task_id,
    kind: 'call',
    state: 'completed',
    attempt: 1,
    instruction: 'work()',
    progress: null,
    created: 0,
    started: 0,
    ended: 10,
    error: null,
    origin: null,
    ...more
  };
}

const names = (tasks: TaskItem[]): string[] => tasks.sort(inOrder).map(each => each.task_id);

describe('the list of tasks', () => {
  it('has those that go on at the top, the newest of them first', () => {
    const older = task('older', { state: 'running', created: 1, ended: null });
    const newer = task('newer', { state: 'waiting', created: 2, ended: null });
    deepStrictEqual(names([task('ended', { created: 3 }), older, newer]), [
      'newer',
      'older',
      'ended'
    ]);
  });

  it('has what has just ended before what was begun later and ended long ago', () => {
    const long = task('long', { created: 1, ended: 90 });
    const short = task('short', { created: 50, ended: 51 });
    deepStrictEqual(names([short, long]), ['long', 'short']);
  });

  it('has those of one moment in the order in which they came', () => {
    const all = [2, 3, 1].map(first => task(`n${first}`, { first }));
    deepStrictEqual(names(all), ['n3', 'n2', 'n1']);
  });

  it('knows of whom nothing is left but the ending', () => {
    const justHeardOf = task('just heard of', { name: null });
    delete justHeardOf.instruction;
    const nothing = { name: null, instruction: null };
    deepStrictEqual(
      [
        task('deleted', nothing),
        task('running', { ...nothing, state: 'running' }),
        task('without a name', { ...nothing, instruction: 'work()' }),
        justHeardOf
      ].map(isRecordGone),
      [true, false, false, false]
    );
  });
});
