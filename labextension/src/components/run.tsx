/** A run of output as it grows, and the events that a run of text was made of. */

import { memo, useState } from 'react';

import type { Block } from '../state/blocks';
import { blocksOf } from '../state/blocks';
import type { Entry } from '../state/model';
import { useEnv } from './env';
import { Mime } from './mime';
import { tame } from './terminal';

const SHOWN = 20_000;

/** More lines than this are folded: their end shows. */
const FOLD_LINES = 40;

/** Output through Jupyter's own colours, in blocks. */
export function Run(props: { entry: Entry; mime: string; opened: boolean }): JSX.Element {
  const { trans } = useEnv();
  const { entry, mime } = props;
  const [open, setOpen] = useState(props.opened);
  const pieces = entry.pieces ?? [];
  const lines = pieces.reduce((sum, piece) => sum + piece[1].split('\n').length - 1, 0);
  const long = lines > FOLD_LINES;
  return (
    <>
      {long && (
        <button className="sparky-link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open
            ? trans.__('Show the end only')
            : entry.cut
              ? trans.__('Show %1 lines', lines.toLocaleString())
              : trans.__('Show all %1 lines', lines.toLocaleString())}
        </button>
      )}
      <div className={long && !open ? 'sparky-run sparky-mod-folded' : 'sparky-run'}>
        {blocksOf(pieces).map((block, n) => (
          <div key={block.key}>
            {block.text !== '' && <Text text={block.text} mime={mime} />}
            <Marks block={block} first={n === 0} />
          </div>
        ))}
      </div>
    </>
  );
}

/** The events that a run of text was made of, for whoever compares the page with the log. */
export function Pieces({ entry }: { entry: Entry }): JSX.Element {
  return (
    <>
      {blocksOf(entry.pieces ?? []).map((block, n) => (
        <Marks key={block.key} block={block} first={n === 0} />
      ))}
    </>
  );
}

/** Of a giant line only as much as a page can take. */
const Text = memo(function Text({ text, mime }: { text: string; mime: string }) {
  const { trans } = useEnv();
  const tamed = tame(text.length > 4 * SHOWN ? text.slice(-4 * SHOWN) : text);
  const shown = tamed.length > SHOWN ? tamed.slice(-SHOWN) : tamed;
  return (
    <>
      {shown !== tamed && (
        <div className="sparky-dim">
          {trans.__(
            'The last %1 of %2 characters:',
            SHOWN.toLocaleString(),
            text.length.toLocaleString()
          )}
        </div>
      )}
      <Mime data={{ [mime]: shown }} />
    </>
  );
});

interface MarksProps {
  block: Block;
  /** The very first event is the entry's own mark. */
  first: boolean;
}

const Marks = memo(function Marks({ block, first }: MarksProps) {
  return (
    <span hidden>
      {block.offsets.slice(first ? 1 : 0).map(offset => (
        <i key={offset} data-sparky-event={offset} />
      ))}
    </span>
  );
}, sameMarks);

function sameMarks(a: MarksProps, b: MarksProps): boolean {
  const [one, other] = [a.block.offsets, b.block.offsets];
  return (
    a.first === b.first &&
    one.length === other.length &&
    one.every((offset, n) => offset === other[n])
  );
}
