/**
 * A long run of text in blocks that stay as they are while it grows at its end and is cut at its
 * beginning: only what has changed is drawn again.
 */

export interface Block {
  key: number;
  /** The events whose text it has, or of whose text the end stands in the next block. */
  offsets: number[];
  /** Whole lines, but in the last block; begins with the colours that the one before left on. */
  text: string;
}

/** One event in 32, by its offset alone, begins a block: who else writes and what is cut don't matter. */
function begins(offset: number): boolean {
  return Math.imul(offset, 0x9e3779b1) >>> 27 === 0;
}

export function blocksOf(pieces: readonly (readonly [number, string])[]): Block[] {
  const blocks: Block[] = [];
  for (const [offset, text] of pieces) {
    const last = blocks[blocks.length - 1];
    if (last && !begins(offset)) {
      last.offsets.push(offset);
      last.text += text;
    } else {
      blocks.push({ key: begins(offset) ? offset : 0, offsets: [offset], text });
    }
  }
  let colours: string[] = [];
  blocks.forEach((block, n) => {
    const next = blocks[n + 1];
    if (next) {
      const lines = block.text.lastIndexOf('\n') + 1;
      next.text = block.text.slice(lines) + next.text;
      block.text = block.text.slice(0, lines);
    }
    const before = colours.join('');
    colours = coloursAfter(block.text, colours);
    block.text &&= before + block.text;
  });
  return blocks;
}

/** Codes that are still in force after `text`; those that nobody ever takes back are few. */
function coloursAfter(text: string, before: string[]): string[] {
  let colours = before;
  // eslint-disable-next-line no-control-regex -- escape sequences are what this is about
  for (const [code, parameters = ''] of text.matchAll(/\x1b\[([0-9;:]*)m/g)) {
    if (/^0*$/.test(parameters)) {
      colours = [];
    } else {
      colours = /^0*;/.test(parameters) ? [code] : [...colours.slice(-15), code];
    }
  }
  return colours;
}
