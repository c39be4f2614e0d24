import { deepStrictEqual, match, strictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import type { TranslationBundle } from '@jupyterlab/translation';

import { nextWords, relative, ruleWords, viewersZone } from '../src/panel/schedulewords';
import type { Event } from '../src/state/model';
import type { ScheduleRow } from '../src/transport/rest';
import { Schedules } from '../src/transport/schedules';

const trans = {
  __: (text: string, ...values: unknown[]) =>
    text.replace(/%(\d)/g, (_, n: string) => String(values[Number(n) - 1]))
} as unknown as TranslationBundle;

function row(more: Partial<ScheduleRow> = {}): ScheduleRow {
  return {
    schedule_id: 'sched-a',
    chat_id: 'c',
    kind: 'every',
    spec: '30m',
    timezone: 'UTC',
    instruction: 'Tidy up',
    call: null,
    name: null,
    from: 'ada',
    state: 'active',
    next_at: 60_000,
    last_at: null,
    last_task: null,
    last_state: null,
    fired: 0,
    coalesced: 0,
    revision: 1,
    words: 'every 30 minutes',
    needs: null,
    ...more
  };
}

function event(change: string, more: Partial<ScheduleRow> = {}): Event {
  const { schedule_id, chat_id, state, next_at, last_at, last_task, fired, coalesced, revision } =
    row(more);
  const now = { state, next_at, last_at, last_task, fired, coalesced, revision };
  const data = { change, schedule_id, chat_id, ...now };
  const envelope = { offset: 1, id: 'e', time: 0, task_id: null, actor: 'user:ada' };
  return { ...envelope, type: 'schedule', data };
}

/** A list over a server whose answers the test gives. */
function watched(): {
  list: Schedules;
  asked: string[];
  answer: (row: ScheduleRow | null) => Promise<void>;
} {
  const asked: string[] = [];
  let settle: (row: ScheduleRow | null) => void = () => undefined;
  const schedule = (id: string): Promise<ScheduleRow> => {
    asked.push(id);
    return new Promise((resolve, reject) => {
      settle = found => (found ? resolve(found) : reject(new Error('404')));
    });
  };
  const list = new Schedules({ schedule }, () => undefined);
  const answer = async (found: ScheduleRow | null): Promise<void> => {
    settle(found);
    await new Promise(done => setImmediate(done));
  };
  return { list, asked, answer };
}

describe('the list of schedules', () => {
  it('moves with each event, and only forward', () => {
    const { list } = watched();
    list.adopt([row({ revision: 3 })]);
    list.apply(event('paused', { state: 'paused', next_at: null, revision: 2 }));
    strictEqual(list.list()[0]?.state, 'active');
    list.apply(event('fired', { fired: 1, last_task: 'task-1', next_at: 90_000, revision: 4 }));
    const [now] = list.list();
    deepStrictEqual([now?.fired, now?.last_state, now?.next_at], [1, 'queued', 90_000]);
    strictEqual(now?.instruction, 'Tidy up');
    list.apply(event('removed', { revision: 4 }));
    deepStrictEqual(list.list(), []);
  });
  it('asks once for one that it hears of, and forgets nothing that comes meanwhile', async () => {
    const { list, asked, answer } = watched();
    list.apply(event('created'));
    list.apply(event('paused', { state: 'paused', next_at: null, revision: 2 }));
    await answer(row());
    deepStrictEqual(asked, ['sched-a']);
    strictEqual(list.list()[0]?.state, 'paused');
  });
  it('does not bring back what was removed while it was asked for', async () => {
    const { list, answer } = watched();
    list.apply(event('created'));
    list.apply(event('removed'));
    await answer(row());
    deepStrictEqual(list.list(), []);
  });
  it('asks again after the next event where the server could not be reached', async () => {
    const { list, asked, answer } = watched();
    list.apply(event('created'));
    await answer(null);
    list.apply(event('resumed', { revision: 2 }));
    await answer(row({ revision: 2 }));
    strictEqual(asked.length, 2);
    strictEqual(list.list().length, 1);
  });
  it('goes with its chat', () => {
    const { list } = watched();
    list.adopt([row(), row({ schedule_id: 'sched-b', chat_id: 'd' })]);
    list.forgetChat('c');
    deepStrictEqual(
      list.list().map(it => it.schedule_id),
      ['sched-b']
    );
  });
});

describe('plain words of a schedule', () => {
  it('say the rule', () => {
    strictEqual(ruleWords(row(), trans), 'every 30 minutes');
    strictEqual(ruleWords(row({ spec: '1.5H' }), trans), 'every 1.5 hours');
    strictEqual(ruleWords(row({ spec: '1d' }), trans), 'every day');
    match(
      ruleWords(row({ kind: 'at', spec: '2030-01-31T08:00:00+00:00' }), trans),
      /^once, .*2030/
    );
    const elsewhere = row({ kind: 'cron', words: 'at 08:00 every day (Mars/Olympus)' });
    strictEqual(ruleWords({ ...elsewhere, timezone: 'Mars/Olympus' }, trans), elsewhere.words);
    const timezone = viewersZone();
    const here = row({ kind: 'cron', timezone, words: `at 08:00 every day (${timezone})` });
    strictEqual(ruleWords(here, trans), 'at 08:00 every day');
  });
  it('say when it is next, or why it is not', () => {
    match(nextWords(row({ next_at: 1_800_000 }), true, 0, trans), /^next in 30 minutes \(.+\)$/);
    strictEqual(nextWords(row({ kind: 'at', next_at: 90_000 }), true, 0, trans), 'in 1 minute');
    strictEqual(nextWords(row(), true, 60_000, trans), 'due now');
    strictEqual(nextWords(row(), false, 60_000, trans), 'due as soon as its task has ended');
    strictEqual(nextWords(row({ state: 'paused', next_at: null }), true, 0, trans), 'paused');
    strictEqual(
      nextWords(row({ state: 'ended', next_at: null }), true, 0, trans),
      'does not fire again'
    );
    deepStrictEqual([200, 59_999, 60_000, 7_200_000, 172_800_000].map(relative), [
      'in 1 second',
      'in 59 seconds',
      'in 1 minute',
      'in 2 hours',
      'in 2 days'
    ]);
  });
});
