/** What happened, in the words of every view: of the page, the panel and what is exported. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { Json } from '../state/model';
import { personOf } from '../state/text';
import { money, number } from './format';
import { str } from './text';

export function stateName(
  trans: TranslationBundle,
  state: string | null,
  cancelling?: boolean
): string {
  const names: Record<string, string> = {
    queued: trans.__('queued'),
    running: trans.__('running'),
    started: trans.__('started'),
    open: trans.__('no result'),
    waiting: trans.__('waiting for an answer'),
    completed: trans.__('completed'),
    failed: trans.__('failed'),
    cancelled: trans.__('cancelled'),
    lost: trans.__('lost')
  };
  return cancelling ? trans.__('cancelling') : (names[state ?? ''] ?? state ?? trans.__('unknown'));
}

/** Who asked for what, and what came of it unless it was done. */
export function commandWords(trans: TranslationBundle, data: Json): string {
  const name = str(data['name']);
  const outcome = str(data['outcome']);
  const person = personOf(data['from']);
  const names: Record<string, [by: string, plain: string]> = {
    cancel: [trans.__('%1 asked to cancel', person), trans.__('It was asked to cancel')],
    message: [trans.__('%1 sent a message', person), trans.__('A message was sent')],
    answer: [trans.__('%1 sent an answer', person), trans.__('An answer was sent')]
  };
  const [by, plain] = names[name] ?? [`${person} ${name}`, name];
  return (person ? by : plain) + (outcome === 'applied' ? '' : ` · ${outcome}`);
}

/** The tokens, and what they cost where that is known; '' where neither is. */
export function usageWords(trans: TranslationBundle, usage: unknown): string {
  const tokens = countOf(usage, 'input_tokens') + countOf(usage, 'output_tokens');
  const cost = countOf(usage, 'cost_usd');
  const words = tokens > 0 ? trans._n('%2 token', '%2 tokens', tokens, number(tokens)) : '';
  return [words, cost > 0 ? money(cost) : ''].filter(Boolean).join(' · ');
}

/** A count that a task has told, whatever that is. */
export function countOf(usage: unknown, name: string): number {
  const value = (usage as Json | null | undefined)?.[name];
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}
