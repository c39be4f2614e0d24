import { doesNotMatch, match, strictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import type { TranslationBundle } from '@jupyterlab/translation';

import { taskPage } from '../src/plugins/page';
import { Fold } from '../src/state/fold';

const TASK = 'task-000000000001';
const fill = (text: string, args: unknown[]): string =>
  text.replace(/%(\d)/g, (_, n: string) => String(args[Number(n) - 1]));
const english = {
  __: (text: string, ...args: unknown[]) => fill(text, args),
  _n: (one: string, many: string, n: number, ...args: unknown[]) =>
    fill(n === 1 ? one : many, [n, ...args])
} as unknown as TranslationBundle;

/** The exported page of a task that has said and done this. */
function page(...events: [type: string, data: Record<string, unknown>][]): string {
  const fold = new Fold();
  events.forEach(([type, data], n) =>
    fold.apply({
      offset: n + 1,
      id: `e${n}`,
      type,
      time: 1_000 * n,
      task_id: TASK,
      actor: 'task',
      data
    })
  );
  return taskPage(english, TASK, fold.state.tasks[TASK] ?? null, fold.state.timeline);
}

describe('the page of a task that is exported', () => {
  it('tells everything once, in the words of the panel', () => {
    const html = page(
      ['status', { state: 'running', attempt: 1, instruction: 'look' }],
      ['question', { question_id: 'q', prompt: 'Go on?' }],
      ['status', { state: 'waiting', attempt: 1 }],
      [
        'command',
        {
          command_id: 'c', name: 'answer', args: { question_id: 'q', text: 'yes' },
          from: 'token', outcome: 'applied'
        }
      ],
      ['message_received', { message_id: 'a', text: 'yes', from: 'token', in_reply_to: 'q' }],
      ['status', { state: 'running', attempt: 1 }],
      ['message_received', { message_id: 'b', text: 'faster', from: 'token' }],
      [
        'command',
        { command_id: 'd', name: 'cancel', args: {}, from: 'user:ann', outcome: 'rejected' }
      ],
      ['message_sent', { message_id: 'm', text: 'All done.', final: true }],
      [
        'status',
        {
          state: 'completed', attempt: 1, result: 'All done.', duration_ms: 4_600,
          usage: { input_tokens: 1_200, output_tokens: 34 }
        }
      ]
    ); // prettier-ignore
    doesNotMatch(html, /token</);
    for (const once of ['All done.', 'Answer: yes', 'faster', '<b>started']) {
      strictEqual(html.split(once).length, 2, once);
    }
    match(html, /completed · 4\.6 s · 1,234 tokens/);
    match(html, /ann asked to cancel · rejected/);
    doesNotMatch(html, /waiting/);
  });
});
