import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { around } from '../src/state/around';
import type { Filter } from '../src/state/filter';
import { EVERYTHING, select } from '../src/state/filter';
import { Fold, LIMITS } from '../src/state/fold';
import type { Entry, Event } from '../src/state/model';
import type { Earlier } from '../src/state/search';
import { Search, wholeFrom } from '../src/state/search';

const PAGE = 10;

function event(offset: number, type: string, data: Record<string, unknown>): Event {
  return { offset, id: `e${offset}`, type, time: offset, task_id: 'task-1', actor: 'task', data };
}

const log: Event[] = [];
function add(type: string, data: Record<string, unknown>): void {
  log.push(event(log.length + 1, type, data));
}
add('tool_use', { tool_call_id: 'long', name: 'long', args: {} });
for (let n = 0; n < 25; n++) {
  add('output', {
    stream: 'stdout',
    text: n === 12 ? 'a need' : n === 13 ? 'le here\n' : `${n}\n`
  });
}
add('tool_use', { tool_call_id: 'c', name: 'call', args: { of: 'needle' } });
add('message_sent', { message_id: 'm', text: 'one ', final: false });
add('tool_use', { tool_call_id: 'x', name: 'fails', args: {} });
add('message_sent', { message_id: 'm', text: 'needle', final: true });
add('tool_result', { tool_call_id: 'c', name: 'call', status: 'success', result: 'found' });
for (let n = 0; n < 30; n++) {
  add('message_received', { text: `nothing ${n}`, from: 'user:a' });
}
add('tool_result', { tool_call_id: 'x', name: 'fails', status: 'error', result: 'broken' });
add('tool_result', { tool_call_id: 'long', name: 'long', status: 'error', result: 'late' });
add('message_received', { text: 'the newest needle', from: 'user:a' });

function folded(events: Event[], text = Infinity): Entry[] {
  const fold = new Fold(undefined, { ...LIMITS, text });
  events.forEach(each => fold.apply(structuredClone(each)));
  return fold.state.timeline;
}

/** A search of `log`, of which what is at `begin` and after it is known. */
function search(
  filter: Partial<Filter>,
  begin: number,
  pages: Earlier = before =>
    Promise.resolve({ events: log.slice(Math.max(0, before - 1 - PAGE), before - 1), earliest: 1 })
): { it: Search; newer: Entry[] } {
  const newer = folded(log.slice(begin - 1));
  const wanted = { ...EVERYTHING, ...filter };
  return { it: new Search(wanted, begin, 1, newer, pages, () => undefined), newer };
}

async function toTheBeginning(filter: Partial<Filter>, begin: number): Promise<Entry[]> {
  const { it, newer } = search(filter, begin);
  while (it.hasOlder) {
    await it.run();
  }
  return it.with(newer);
}

describe('a search that goes back through a history', () => {
  it('finds what the whole history holds, wherever its pages end', async () => {
    const brief = (entries: Entry[]): unknown =>
      entries.map(({ offset, type, result, pieces }) => [
        offset, type, result?.result, pieces?.map(piece => piece[1]).join('')
      ]); // prettier-ignore
    const filters = [
      { errorsOnly: true },
      { text: 'needle', hidden: ['output' as const] },
      { hidden: ['output' as const, 'steps' as const] }
    ];
    for (const filter of filters) {
      const wanted = brief(select(folded(log), { ...EVERYTHING, ...filter }));
      for (let begin = 2; begin <= log.length + 1; begin++) {
        deepStrictEqual(brief(await toTheBeginning(filter, begin)), wanted, `${begin}`);
      }
    }
  });

  it('shows of a long run of output the part around what was looked for, over its pieces', async () => {
    const found = await toTheBeginning({ text: 'needle', hidden: ['messages', 'tools'] }, 40);
    strictEqual(found.length, 1);
    const text = found[0]?.pieces?.map(piece => piece[1]).join('');
    strictEqual(text, '9\n10\n11\na needle here\n14\n15\n16\n');
    deepStrictEqual([found[0]?.offset, found[0]?.last, found[0]?.cut], [11, 18, true]);
  });

  it('shows of output that came in few pieces only the lines around it, each event once', () => {
    const lines = (from: number, to: number): string =>
      Array.from({ length: to - from }, (_, n) => `line ${from + n}\n`).join('');
    const output = { stream: 'stdout', text: '' };
    const timeline = folded([
      event(1, 'output', { ...output, text: lines(0, 100) }),
      event(2, 'output', { ...output, text: lines(100, 200) }),
      event(3, 'output', { ...output, text: lines(200, 300) })
    ]);
    const shown = (text: string): unknown =>
      around(timeline, { ...EVERYTHING, text }).map(({ cut, pieces }) => [cut, pieces]);
    const line = (n: number): string => lines(n - 3, n + 4);
    deepStrictEqual(shown('LINE 150'), [[true, [[2, `…\n${line(150)}`]]]]);
    deepStrictEqual(shown('line 99'), [
      [undefined, [[1, `…\n${lines(96, 100)}`], [2, lines(100, 103)]]]
    ]); // prettier-ignore
    const last = `${lines(200, 213)}…\n${line(220)}`;
    deepStrictEqual(shown('20'), [
      [undefined, [[1, `…\n${line(20)}`]]],
      [true, [[2, `…\n${line(120)}…\n${lines(197, 200)}`], [3, last]]]
    ]); // prettier-ignore
    strictEqual(around(timeline, { ...EVERYTHING, text: 'stdout' })[0], timeline[0]);
    strictEqual(around(timeline, EVERYTHING), timeline);
    const odd = folded([event(1, 'output', { ...output, text: `\u0130${lines(0, 50)}` })]);
    strictEqual(around(odd, { ...EVERYTHING, text: 'line 40' })[0], odd[0], 'whole, at least');
    const parts = around(timeline, { ...EVERYTHING, text: '20' });
    deepStrictEqual(around(parts, { ...EVERYTHING, text: '20' }), parts, 'once is enough');
  });

  it('goes back for text that a timeline has cut, and shows nothing twice', async () => {
    const cut = folded(log.slice(0, 26), 20);
    const filter = { ...EVERYTHING, text: 'stdout' };
    const from = wholeFrom(cut, 1, filter);
    ok(from > 10, 'the newest lines only');
    strictEqual(wholeFrom(cut, 1, { ...filter, text: '' }), 1);
    strictEqual(wholeFrom(cut, 1, { ...filter, hidden: ['output'] }), 1);
    const found = new Search(
      filter, from, 1, cut,
      before => Promise.resolve({ events: log.slice(0, before - 1), earliest: 1 }),
      () => undefined
    ); // prettier-ignore
    await found.run();
    const lines = found.with(cut).flatMap(({ pieces = [] }) => pieces.map(piece => piece[0]));
    deepStrictEqual(
      lines,
      log.slice(1, 26).map(each => each.offset)
    );
  });

  it('pauses when there is enough to look at, and says how far it has come', async () => {
    const { it: found, newer } = search({ text: 'nothing' }, log.length);
    await found.run();
    deepStrictEqual([found.running, found.hasOlder], [false, true]);
    strictEqual(found.with(newer).length >= 20, true);
    ok(found.from > 1);
    await found.run();
    deepStrictEqual([found.from, found.hasOlder, found.with(newer).length], [1, false, 30]);
  });

  it('stops at once when it is told to, and goes on from there', async () => {
    const waiting: (() => void)[] = [];
    const { it: found } = search({ text: 'one' }, log.length, async before => {
      await new Promise<void>(go => waiting.push(go));
      return { events: log.slice(Math.max(0, before - 1 - PAGE), before - 1), earliest: 1 };
    });
    const first = found.run();
    found.stop();
    strictEqual(found.running, false);
    const second = found.run();
    waiting.shift()?.(); // the page that was given up comes after all
    await first;
    deepStrictEqual([found.from, found.running], [log.length, true]);
    while (found.running) {
      await new Promise(setImmediate);
      waiting.splice(0).forEach(go => go());
    }
    await second;
    deepStrictEqual([found.from, found.with([]).length], [1, 1]);
  });

  it('tells of a page that could not be had, and may be begun again', async () => {
    let broken = true;
    const { it: found } = search({ text: 'one' }, log.length, before =>
      broken
        ? Promise.reject(new Error('away'))
        : Promise.resolve({ events: log.slice(0, before - 1), earliest: 1 })
    );
    await rejects(found.run(), /away/);
    strictEqual(found.running, false);
    broken = false;
    await found.run();
    strictEqual(found.with([]).length, 1);
  });

  it('ends where history begins, and at another life of the chat', async () => {
    const { it: trimmed } = search({ text: 'zzz' }, 50, before =>
      Promise.resolve({ events: log.slice(Math.max(39, before - 11), before - 1), earliest: 40 })
    );
    await trimmed.run();
    deepStrictEqual([trimmed.from, trimmed.hasOlder], [40, false]);
    const { it: other } = search({ text: 'zzz' }, 50, () => Promise.resolve(null));
    await other.run();
    deepStrictEqual([other.from, other.running], [50, false]);
  });
});
