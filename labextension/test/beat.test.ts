import { deepStrictEqual, strictEqual } from 'node:assert';
import { beforeEach, describe, it } from 'node:test';

import type { Screen } from '../src/state/beat';
import { Beat, Drawing } from '../src/state/beat';

/** A screen whose time moves when the test says so. */
class FakeScreen implements Screen {
  hidden = false;
  time = 0;
  private readonly waiting = new Map<string, () => void>();

  now(): number {
    return this.time;
  }

  after(ms: number, then: () => void): () => void {
    return this.put(`after ${ms}`, then);
  }

  frame(then: () => void): () => void {
    return this.put('frame', then);
  }

  painted(then: () => void): () => void {
    return this.put('painted', then);
  }

  /** What is waited for; nothing when the page rests. */
  get open(): string[] {
    return [...this.waiting.keys()];
  }

  /** What was waited for happens. */
  come(what: string): void {
    const then = this.waiting.get(what);
    this.waiting.delete(what);
    strictEqual(typeof then, 'function', `${what} of ${this.open.join()}`);
    then?.();
  }

  /** A frame that takes so long. */
  draw(cost: number): void {
    this.come('frame');
    this.time += cost;
    this.come('painted');
  }

  private put(what: string, then: () => void): () => void {
    this.waiting.set(what, then);
    return () => this.waiting.delete(what);
  }
}

describe('drawing', () => {
  let screen: FakeScreen;
  let drawing: Drawing;
  let told: string[];

  function beat(name: string): Beat {
    const made = new Beat(drawing);
    made.subscribe(() => told.push(name));
    return made;
  }

  beforeEach(() => {
    screen = new FakeScreen();
    drawing = new Drawing(screen);
    told = [];
  });

  it('is done at once when quiet, and then nothing is waited for', () => {
    beat('a').touch();
    screen.draw(1);
    deepStrictEqual(told, ['a']);
    deepStrictEqual(screen.open, []);
  });

  it('takes one frame for all that moves, however often', () => {
    const beats = ['a', 'b', 'c'].map(beat);
    beats.forEach(each => each.touch());
    beats.forEach(each => each.touch());
    deepStrictEqual(screen.open, ['frame']);
    screen.draw(1);
    deepStrictEqual(told, ['a', 'b', 'c']);
  });

  it('is done ten times a second, and less often where a frame costs much', () => {
    const a = beat('a');
    a.touch();
    screen.draw(10);
    a.touch();
    deepStrictEqual(screen.open, ['after 90']);
    screen.time = 100;
    screen.come('after 90');
    screen.draw(200);
    a.touch();
    deepStrictEqual(screen.open, ['after 800']);
  });

  it('waits no longer than a second after a frame in which the page did much else', () => {
    const a = beat('a');
    a.touch();
    screen.draw(1_500);
    a.touch();
    deepStrictEqual(screen.open, ['after 1000']);
  });

  it('rests while the page is hidden and makes up for it when it is seen again', () => {
    const a = beat('a');
    a.touch();
    screen.hidden = true;
    drawing.pause();
    a.touch();
    deepStrictEqual(screen.open, []);
    screen.hidden = false;
    drawing.resume();
    screen.draw(1);
    deepStrictEqual(told, ['a']);
  });

  it('is not asked for by what nobody shows', () => {
    const unseen = new Beat(drawing);
    unseen.touch();
    deepStrictEqual(screen.open, []);
    strictEqual(unseen.version, 1);
  });
});
