import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { Excerpt } from '../src/state/excerpt';
import { Fold, LIMITS } from '../src/state/fold';
import type { Event } from '../src/state/model';
import { owed, MOST } from '../src/state/owed';
import { holds, isCutOff, seek } from '../src/state/seek';

const TASK = 'task-000000000001';

function event(offset: number, type: string, data: Record<string, unknown>): Event {
  return { offset, id: `e${offset}`, type, time: offset, task_id: TASK, actor: 'task', data };
}

const LOG: Event[] = [
  event(1, 'status', { state: 'running', attempt: 1 }),
  event(2, 'tool_use', { tool_call_id: 'a', name: 'find', args: {} }),
  event(3, 'output', { stream: 'stdout', text: 'one' }),
  event(4, 'progress', { key: 'main', done: 1 }),
  event(5, 'output', { stream: 'stdout', text: 'two' }),
  event(6, 'tool_result', {
    tool_call_id: 'a',
    name: 'find',
    status: 'success',
    result: 1,
    duration_ms: 1
  })
];

describe('an event in a timeline', () => {
  const fold = new Fold();
  LOG.forEach(each => fold.apply(each));
  const { timeline } = fold.state;
  const at = (offset: number): number | undefined => timeline[seek(timeline, offset)]?.offset;

  it('is where it is shown: as an entry, a piece of text, the result of a call', () => {
    deepStrictEqual([1, 2, 3, 5, 6].map(at), [1, 2, 3, 3, 2]);
    ok(holds(timeline[1] as never, 6));
  });
  it('is near where it was when nothing shows it', () => {
    strictEqual(at(4), 3);
    strictEqual(seek(timeline.slice(1), 1), -1);
  });
});

it('what a long run of text has lost is not there any more, what stands in its place is', () => {
  const fold = new Fold(undefined, { ...LIMITS, text: 30 });
  const say = (offset: number, type: string, data: object): void =>
    fold.apply(event(offset, type, { ...data }));
  say(1, 'output', { stream: 'stdout', text: 'x'.repeat(20) });
  say(2, 'message_received', { text: 'hello' });
  for (let n = 3; n < 6; n++) {
    say(n, 'output', { stream: 'stderr', text: 'y'.repeat(20) });
  }
  const lost = [1, 2, 3, 4, 5].map(offset => isCutOff(fold.state.timeline, offset));
  deepStrictEqual(lost, [false, false, true, true, false]);
});

describe('an excerpt', () => {
  const long = Array.from({ length: 5_000 }, (_, n) =>
    n % 2
      ? event(n + 1, 'tool_result', {
          tool_call_id: `${n}`,
          name: 'f',
          status: 'success',
          result: n
        })
      : event(n + 1, 'tool_use', { tool_call_id: `${n + 1}`, name: 'f', args: {} })
  );
  const page = (after: number, limit: number): Promise<never> =>
    Promise.resolve({
      events: long.slice(after, after + limit),
      earliest: 1,
      head: long.length
    } as never);

  it('is around its event and grows at both ends without a seam', async () => {
    let changes = 0;
    const excerpt = await Excerpt.around(2_500, page, () => (changes += 1));
    ok(excerpt.from < 2_500 && 2_500 < excerpt.to && excerpt.timeline.length < 1_000);
    await excerpt.loadOlder();
    await excerpt.loadNewer();
    ok(changes >= 3 && excerpt.hasOlder && excerpt.hasNewer);
    const inside = excerpt.timeline.slice(1, -1);
    ok(inside.every(entry => entry.type === 'tool_use' && entry.result));
    strictEqual(inside.length, new Set(inside.map(entry => entry.offset)).size);
  });
  it('ends where the history does', async () => {
    const excerpt = await Excerpt.around(4_990, page, () => undefined);
    strictEqual(excerpt.hasNewer, false);
    const first = await Excerpt.around(3, page, () => undefined);
    deepStrictEqual([first.from, first.hasOlder], [1, false]);
  });
});

describe('what a cell owes', () => {
  const task = (id: number, run?: string, retry_of?: string) => ({
    task_id: `t${id}`,
    created: 1_000,
    first: id,
    retry_of,
    origin: { run }
  });
  const ids = (tasks: { task_id: string }[]): string => tasks.map(each => each.task_id).join(' ');
  const none = new Set<string>();

  it('is all tasks of its latest execution, in their order', () => {
    const tasks = [task(4, 'b'), task(1, 'a'), task(3, 'b'), task(2, 'a')];
    strictEqual(ids(owed(tasks, none)), 't3 t4');
  });
  it('is only what came after the last that its output shows', () => {
    const tasks = [task(1, 'a'), task(2, 'a'), task(3, 'a')];
    strictEqual(ids(owed(tasks, new Set(['t2']))), 't3');
    strictEqual(ids(owed(tasks, new Set(['t3']))), '');
  });
  it('holds what was run again, but of the latest execution only', () => {
    strictEqual(ids(owed([task(1, 'a'), task(2, 'a', 't1')], new Set(['t1']))), 't2');
    strictEqual(ids(owed([task(1, 'a'), task(2, 'b'), task(3, 'a', 't1')], none)), 't2');
  });
  it('is the newest where nobody said what was run together, and never too many', () => {
    strictEqual(ids(owed([task(1), task(2)], none)), 't2');
    const many = Array.from({ length: 50 }, (_, n) => task(n, 'a'));
    strictEqual(owed(many, none).length, MOST);
    strictEqual(owed(many, none).pop()?.task_id, 't49');
    strictEqual(ids(owed([], none)), '');
  });
});
