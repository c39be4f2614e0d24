import { deepStrictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { isResultTold, isTold, shownBefore } from '../src/state/context';
import { Fold } from '../src/state/fold';
import type { Entry, Json } from '../src/state/model';

const TASK = 'task-1';

function entriesOf(...events: [type: string, data: Json, taskId?: string][]): Entry[] {
  const fold = new Fold();
  events.forEach(([type, data, task_id = TASK], n) =>
    fold.apply({ offset: n + 1, id: `e${n}`, type, time: n, task_id, actor: 'task', data })
  );
  return fold.state.timeline;
}

/** The offsets of what is drawn. */
function drawn(entries: Entry[]): number[] {
  return entries.filter((_, n) => !isTold(entries, n)).map(entry => entry.offset);
}

const status = (state: string, attempt = 1): [string, Json] => ['status', { state, attempt }];
const question: [string, Json] = ['question', { question_id: 'q', prompt: 'Go on?' }];
const reply: [string, Json] = [
  'message_received',
  { message_id: 'm', text: 'yes', from: 'ada', in_reply_to: 'q' }
];

function command(name: string, outcome: string, args: Json): [string, Json] {
  return ['command', { command_id: 'k', name, args, from: 'ada', outcome }];
}

describe('what is told already', () => {
  it('is an answer with its command and the wait for it, at their question', () => {
    const args = { question_id: 'q', answer: 'yes' };
    const answered = entriesOf(
      status('running'),
      question,
      status('waiting'),
      command('answer', 'accepted', args),
      reply,
      command('answer', 'applied', args),
      status('running'),
      status('completed')
    );
    deepStrictEqual(drawn(answered), [1, 2, 8]);
  });

  it('is not an answer whose question is not among the entries', () => {
    deepStrictEqual(drawn(entriesOf(question, reply).slice(1)), [2]);
  });

  it('is not a command that is under way or came to nothing', () => {
    const args = { question_id: 'q', answer: 'no' };
    const late = [question, reply, command('answer', 'rejected', args)];
    deepStrictEqual(drawn(entriesOf(...late)), [1, 3]);
    deepStrictEqual(drawn(entriesOf(command('message', 'accepted', { text: 'hey' }))), [1]);
  });

  it('is a message that was sent, where it was received', () => {
    const sent = command('message', 'applied', { text: 'hey' });
    const received: [string, Json] = [
      'message_received',
      { message_id: 'm', text: 'hey', from: 'ada' }
    ];
    deepStrictEqual(drawn(entriesOf(sent, received)), [2]);
    deepStrictEqual(drawn(entriesOf(sent)), [1]);
  });

  it('is not another attempt', () => {
    const again = entriesOf(status('running'), question, status('waiting'), status('running', 2));
    deepStrictEqual(drawn(again), [1, 2, 4]);
  });

  it('does not part what stands together', () => {
    const entries = entriesOf(status('running'), question, status('waiting'), [
      'message_sent',
      { message_id: 'm', text: 'hello' }
    ]);
    deepStrictEqual(shownBefore(entries, 3)?.offset, 2);
    deepStrictEqual(shownBefore(entries, 0), undefined);
  });
});

describe('what a task gives back', () => {
  const ended: [string, Json] = ['status', { state: 'completed', attempt: 1, result: 'A  B' }];
  const shown = (text: string): [string, Json] => ['output', { mime: { 'text/plain': text } }];
  const told = (...events: [string, Json, string?][]): boolean => {
    const entries = entriesOf(...events);
    return isResultTold(entries, entries.length - 1);
  };

  it('is told where its last output shows the same', () => {
    deepStrictEqual(told(shown('A  B'), ['output', { text: 'hi' }, 'task-2'], ended), true);
  });

  it('is told where it is the last message', () => {
    const piece = (text: string, final: boolean): [string, Json] => [
      'message_sent',
      { message_id: 'm', text, final }
    ];
    deepStrictEqual(told(piece('A ', false), piece(' B\n', true), ended), true);
    deepStrictEqual(told(piece('A', true), ended), false);
  });

  it('is not where that shows something else, or was not the last', () => {
    deepStrictEqual(told(shown('C'), ended), false);
    deepStrictEqual(
      told(shown('A  B'), ['thought', { message_id: 'm', text: 'hm' }], ended),
      false
    );
    deepStrictEqual(told(['output', { stream: 'stdout', text: 'A  B' }], ended), false);
    deepStrictEqual(told(ended), false);
  });
});
