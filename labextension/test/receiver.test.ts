import { deepStrictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { Receiver } from '../src/stream/receiver';
import type { Start } from '../src/stream/start';
import type { Stimulus } from '../src/stream/stimuli';
import { cases, plain } from './cases';

interface Case {
  start: Record<string, string>;
  random: number[];
  steps: { at: number; in: Stimulus; out: unknown[]; deadline: number | null }[];
}

function startOf(query: Record<string, string>): Start {
  return {
    epoch: query['epoch'] ?? null,
    offset: Number(query['offset'] ?? 0),
    last: query['last'] === undefined ? null : Number(query['last']),
    now: query['from'] === 'now',
    go_on: query['on_gap'] === 'earliest'
  };
}

describe('the receiver does what the golden cases say', () => {
  for (const [name, golden] of cases<Case>('receiver')) {
    it(name, () => {
      const random = [...golden.random];
      const next = (): number => (random.length > 1 ? random.shift() : random[0]) as number;
      const receiver = new Receiver(startOf(golden.start), next);
      for (const step of golden.steps) {
        const told = step.in;
        deepStrictEqual(plain(receiver.handle(step.at, told)), step.out, JSON.stringify(told));
        deepStrictEqual(receiver.deadline, step.deadline, JSON.stringify(told));
      }
    });
  }
});
