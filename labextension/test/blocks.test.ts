import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { blocksOf } from '../src/state/blocks';

function lines(from: number, to: number): [number, string][] {
  return Array.from({ length: to - from }, (_, n) => [from + n, `line ${from + n}\n`]);
}

describe('blocks of output', () => {
  it('have all of the text and all of the events, in order', () => {
    const pieces = lines(1, 700);
    const blocks = blocksOf(pieces);
    strictEqual(blocks.map(b => b.text).join(''), pieces.map(p => p[1]).join(''));
    deepStrictEqual(
      blocks.flatMap(b => b.offsets),
      pieces.map(p => p[0])
    );
    ok(blocks.length > 5 && blocks.length < 80);
  });

  it('stay as they are when text comes behind and goes in front', () => {
    const before = blocksOf(lines(1, 700));
    const after = blocksOf(lines(300, 1000));
    const shared = before.slice(1, -1).filter(block => (block.offsets[0] ?? 0) > 300);
    ok(shared.length > 3);
    for (const block of shared) {
      deepStrictEqual(
        after.find(each => each.key === block.key),
        block
      );
    }
  });

  it('end with a whole line, but for the last', () => {
    const pieces: [number, string][] = lines(1, 400).map(([n]) => [n, n % 7 ? 'word ' : 'end\n']);
    const blocks = blocksOf(pieces);
    ok(blocks.length > 1);
    ok(blocks.slice(0, -1).every(b => b.text === '' || b.text.endsWith('\n')));
    strictEqual(blocks.map(b => b.text).join(''), pieces.map(p => p[1]).join(''));
  });

  it('go on in the colours of the one before', () => {
    const pieces = lines(1, 400);
    (pieces[0] as [number, string])[1] = '\x1b[31mred\n';
    const blocks = blocksOf(pieces);
    ok(blocks.length > 2 && blocks.slice(1).every(b => b.text.startsWith('\x1b[31m')));
    (pieces[1] as [number, string])[1] = '\x1b[0mplain\n';
    strictEqual(blocksOf(pieces)[1]?.text.includes('\x1b'), false);
  });
});
