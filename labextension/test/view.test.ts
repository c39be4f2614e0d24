import { deepStrictEqual, match, ok, strictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { duration, pace } from '../src/components/format';
import { oneLine } from '../src/components/line';
import { svgAddress } from '../src/components/svg';
import { tame } from '../src/components/terminal';
import { EVERYTHING, select } from '../src/state/filter';
import { Fold } from '../src/state/fold';
import { TaskHistory } from '../src/state/history';
import type { Event } from '../src/state/model';
import { elapsed } from '../src/state/task';
import { personOf, taskName } from '../src/state/text';
import { backoff } from '../src/stream/backoff';

const TASK = 'task-000000000001';

function event(offset: number, type: string, data: Record<string, unknown>, task = TASK): Event {
  return {
    offset,
    id: `e${offset}`,
    type,
    time: offset * 1000,
    task_id: task,
    actor: 'task',
    data
  };
}

describe('terminal output', () => {
  it('keeps colours and drops what moves, titles and turns', () => {
    strictEqual(tame('\x1b[31mred\x1b[0m'), '\x1b[31mred\x1b[0m');
    strictEqual(tame('a\x1b[2Jb\x1b]0;title\x07c\x1b[10;10Hd'), 'abcd');
    strictEqual(tame('\u202eabc\u0000'), 'abc');
  });
  it('shows what is left of lines that were written over', () => {
    strictEqual(tame('10%\r20%\r30%\ndone'), '30%\ndone');
    strictEqual(tame('10%\r20%\r'), '20%');
    strictEqual(tame('abc\b\bX\r\nnext'), 'aX\nnext');
  });
  it('takes a very long line in its stride', () => {
    strictEqual(tame('x'.repeat(1_000_000)).length, 1_000_000);
    const half = 500_000; // each backspace looks back at what is left: once through, or for minutes
    strictEqual(tame(`kept${'x'.repeat(half)}${'\b'.repeat(half)}`), 'kept');
    strictEqual(tame('\b\ba\u{1f600}\b\rb'), 'b');
  });
});

it('an image is shown though its text has half of a pair of surrogates', () => {
  const half = '\ud83d';
  strictEqual(
    svgAddress(`<svg title='${half}'>\u{1f600}${half}</svg>`),
    'data:image/svg+xml;charset=utf-8,%3Csvg%20title%3D%27%EF%BF%BD%27%3E%F0%9F%98%80%EF%BF%BD%3C%2Fsvg%3E'
  );
});

describe('small values', () => {
  it('stand on one line, texts in quotes', () => {
    deepStrictEqual([['a', 'b'], { sep: ',', header: true }, [], {}, [null, 1.5]].map(oneLine), [
      '["a", "b"]',
      '{sep: ",", header: true}',
      '[]',
      '{}',
      '[null, 1.5]'
    ]);
  });
  it('do not where they are long or deep', () => {
    deepStrictEqual(
      [[[1]], { a: {} }, ['x'.repeat(100)], [...'abcdefghijklmnopqrstuvwxyz']].map(oneLine),
      [null, null, null, null]
    );
  });
  it('turn nothing around', () =>
    strictEqual(oneLine(['\u202eabc', '\x1b[2J']), String.raw`["abc", "\u001b[2J"]`));
});

describe('names', () => {
  it('of a task are its own, or else what it was told to do', () => {
    const task = { name: null, instruction: 'Sum it up', task_id: TASK };
    strictEqual(taskName({ ...task, name: 'Sums' }), 'Sums');
    strictEqual(taskName(task), 'Sum it up');
    strictEqual(taskName({ ...task, instruction: null }), TASK);
  });
  it('of a person are theirs, and none where all that the server knows is a token', () => {
    deepStrictEqual(['ada', 'user:ada', 'token', 'user:token', null].map(personOf), [
      'ada',
      'ada',
      '',
      '',
      ''
    ]);
  });
});

describe('numbers', () => {
  it('durations are in the unit that fits', () => {
    deepStrictEqual([0, 950, 1500, 59_400, 95_000, 3_700_000, 90_000_000].map(duration), [
      '0 ms',
      '950 ms',
      '1.5 s',
      '59 s',
      '1 min 35 s',
      '1 h 1 min',
      '1 d 1 h'
    ]);
  });
  it('a task took what was measured, not what lies between its events', () => {
    const task = { created: 0, started: 10, ended: 418 };
    strictEqual(elapsed({ ...task, duration_ms: 403 }, 9_999), 403);
    strictEqual(elapsed(task, 9_999), 408);
    strictEqual(elapsed({ ...task, ended: null, duration_ms: 403 }, 1_010), 1_000);
  });
  it('pace tells rate and time left, and nothing that nobody can know', () => {
    const bar = { done: 30, total: 90, from: 10, since: 0, time: 10_000 };
    deepStrictEqual(pace(bar), { fraction: 1 / 3, perSecond: 2, leftMs: 30_000 });
    deepStrictEqual(pace({ ...bar, total: null }), { fraction: null, perSecond: 2, leftMs: null });
    deepStrictEqual(pace({ ...bar, time: 0 }).perSecond, null);
    strictEqual(pace({ ...bar, done: 95 }).fraction, 1);
  });
  it('waits longer after each failure, up to ten seconds', () => {
    deepStrictEqual(
      [0, 1, 2, 6, 60].map(n => backoff(n, 0.5)),
      [125, 250, 500, 5000, 5000]
    );
  });
});

describe('filters', () => {
  const fold = new Fold();
  [
    event(1, 'status', { state: 'running', attempt: 1 }),
    event(2, 'tool_use', { tool_call_id: 'c', name: 'search', args: { q: 'Cats' } }),
    event(3, 'tool_result', { tool_call_id: 'c', status: 'error', result: 'no', duration_ms: 1 }),
    event(4, 'thought', { message_id: 'm', text: 'hm', final: true }),
    event(5, 'output', { stream: 'stdout', text: 'hello' }, 'task-000000000002'),
    event(6, 'status', { state: 'failed', attempt: 1 })
  ].forEach(each => fold.apply(each));
  const offsets = (filter: Partial<typeof EVERYTHING>): number[] =>
    select(fold.state.timeline, { ...EVERYTHING, ...filter }).map(entry => entry.offset);

  it('everything is the timeline itself', () =>
    strictEqual(select(fold.state.timeline, EVERYTHING), fold.state.timeline));
  it('kinds can be hidden', () => deepStrictEqual(offsets({ hidden: ['tools'] }), [1, 4, 5, 6]));
  it('errors can be all there is', () => deepStrictEqual(offsets({ errorsOnly: true }), [2, 6]));
  it('words are found wherever they are', () => {
    deepStrictEqual(offsets({ text: 'cats' }), [2]);
    deepStrictEqual(offsets({ text: 'hello' }), [5]);
  });
  it('what was not found is, once it has been said', () => {
    deepStrictEqual(offsets({ text: 'later' }), []);
    fold.apply(event(7, 'output', { stream: 'stdout', text: 'later' }, 'task-000000000002'));
    deepStrictEqual(offsets({ text: 'later' }), [5]);
  });
  it('one task can be all there is', () =>
    deepStrictEqual(offsets({ taskId: 'task-000000000002' }), [5]));
});

it('a view bounds how much of the timeline it keeps, and may change its mind', () => {
  const fold = new Fold();
  const say = (from: number, to: number): void => {
    for (let n = from; n <= to; n++) {
      fold.apply(event(n, 'message_received', { text: `${n}` }));
    }
  };
  fold.bound(10);
  say(1, 15);
  deepStrictEqual([fold.state.timeline.length, fold.state.timeline[0]?.offset], [10, 6]);
  fold.bound(100);
  say(16, 30);
  deepStrictEqual([fold.state.timeline.length, fold.state.timeline[0]?.offset], [25, 6]);
  fold.bound(10);
  deepStrictEqual([fold.state.timeline.length, fold.state.timeline[0]?.offset], [10, 21]);
  strictEqual(fold.state.dropped, 20);
});

it('the history of a task that is far back is loaded page by page, and joined', async () => {
  const log = [event(1, 'status', { state: 'running', attempt: 1, name: 'old' })];
  for (let n = 2; n < 40; n++) {
    log.push(event(n, 'output', { stream: 'log', text: `${n}` }, n % 2 ? TASK : 'task-x'));
  }
  log.push(event(40, 'status', { state: 'completed', attempt: 1 }));
  const history = new TaskHistory(TASK, 1, 41, before =>
    Promise.resolve({ events: log.slice(Math.max(0, before - 11), before - 1), earliest: 1 })
  );
  while (!history.complete) {
    await history.more();
  }
  deepStrictEqual(
    history.entries.map(entry => entry.offset),
    log.filter(each => each.task_id === TASK).map(each => each.offset)
  );
  strictEqual(history.task?.state, 'completed');
  ok(history.complete);
  match(JSON.stringify(history.entries[0]), /"old"/);
});
