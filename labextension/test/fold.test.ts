import { deepStrictEqual, strictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { Fold, FOLD_VERSION } from '../src/state/fold';
import type { Event, State } from '../src/state/model';
import { codePoints } from '../src/state/text';
import { WIRE_FOLD_VERSION } from '../src/wire/generated';
import { cases, plain } from './cases';

interface FoldCase {
  split: number;
  events: Event[];
  state?: unknown;
  where?: Record<string, unknown>;
}

function at(node: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => {
    return (value as Record<string, unknown>)[name];
  }, node);
}

function check(golden: FoldCase, state: State): void {
  const got = plain(state);
  if (golden.state) {
    deepStrictEqual(got, golden.state);
  }
  for (const [path, expected] of Object.entries(golden.where ?? {})) {
    deepStrictEqual(at(got, path), expected, path);
  }
}

describe('P9: the fold says what Python says', () => {
  for (const [name, golden] of cases<FoldCase>('fold')) {
    it(`${name}: folding the events gives the state`, () => {
      const fold = new Fold();
      golden.events.forEach(event => fold.apply(event));
      check(golden, fold.state);
    });
    it(`${name}: a state that was stored goes on to the same end`, () => {
      const before = new Fold();
      golden.events.slice(0, golden.split).forEach(event => before.apply(event));
      const after = new Fold(plain(before.state) as State);
      golden.events.slice(golden.split).forEach(event => after.apply(event));
      check(golden, after.state);
    });
  }
  it('the version is the one of the wire', () => strictEqual(FOLD_VERSION, WIRE_FOLD_VERSION));
});

it('text is counted in code points, lone surrogates too', () => {
  strictEqual(codePoints('a𝄞é'), 3);
  strictEqual(codePoints('\ud834'), 1);
  strictEqual(codePoints('\udd1e\ud834'), 2);
  strictEqual(codePoints(''), 0);
});
