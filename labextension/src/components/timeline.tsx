/** The entries of a chat or of a task, newest last; follows the newest unless the reader went away. */

import type { ReactNode } from 'react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { VirtualizerHandle } from 'virtua';
import { Virtualizer } from 'virtua';

import { isOtherDay, isResultTold, isTold, shownBefore } from '../state/context';
import type { Entry } from '../state/model';
import { holds, seek } from '../state/seek';
import type { Context } from './entry';
import { entryStamp, EntryView } from './entry';
import { useEnv } from './env';
import { day } from './format';
import { str } from './text';

const NEAR_END_PX = 48;
const NEAR_START_PX = 400;
const HAND_MS = 800;

export interface TimelineProps {
  entries: Entry[];
  chatId: string;
  label: string;
  /** From which event on the entries are there: when it falls, older ones have come in front. */
  from: number;
  /** There is older history. */
  hasOlder: boolean;
  /** The button for it stands elsewhere. */
  ledBack?: boolean;
  /** Keeps what is shown from being dropped, until the function that it returns is called. */
  hold: () => () => void;
  loadOlder: () => Promise<void>;
  /** An offset to go to and to mark. */
  target?: number | undefined;
  /** Where the entries are a part of history: how to read on, and how to get to what is live. */
  newer?: { load: () => Promise<void>; live: () => void } | undefined;
  /** What to say where nothing has happened yet. */
  empty: ReactNode;
  /** A task's name, where entries of several stand together. */
  nameOf?: (taskId: string | null) => string | undefined;
  /** Show a task alone. */
  only?: (taskId: string) => void;
  /** Questions that can be answered, by their ids. */
  questions: Readonly<Record<string, unknown>>;
  /** Whether a task goes on no more. */
  isOver: (taskId: string | null) => boolean;
}

export function Timeline(props: TimelineProps): JSX.Element {
  const { trans, actions } = useEnv();
  const { entries, from, target, hasOlder, hold, loadOlder, newer, only } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const following = useRef(target === undefined);
  const loading = useRef(false);
  const [away, setAway] = useState(target !== undefined);
  const [busy, setBusy] = useState(false);

  const toEnd = useCallback(() => {
    following.current = true;
    setAway(false);
    const node = scroller.current;
    node?.scrollTo({ top: node.scrollHeight });
  }, []);

  useEffect(() => (away ? hold() : undefined), [away, hold]);

  // Follow: whenever what is shown has grown, and the reader has not gone away. An observer is told
  // when the page has been laid out anyway; to ask for a height at any other time costs a layout.
  useEffect(() => {
    const node = scroller.current;
    if (!node?.firstElementChild) {
      return;
    }
    const observer = new ResizeObserver(() => {
      if (following.current) {
        node.scrollTop = node.scrollHeight;
      }
    });
    observer.observe(node);
    observer.observe(node.firstElementChild);
    return () => observer.disconnect();
  }, []);

  const sought = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (target === undefined || sought.current === target || !entries.length) {
      return;
    }
    const index = seek(entries, target);
    if (index >= 0 || !hasOlder) {
      sought.current = target;
      following.current = false;
      setAway(true);
      list.current?.scrollToIndex(Math.max(0, index), { align: 'center' });
    } else if (hasOlder) {
      following.current = false;
      setAway(true);
      loadOlder().catch((error: unknown) => actions.report(error));
    }
  }, [target, entries, entries.length, hasOlder, loadOlder, actions]);

  const more = (): void => {
    if (!hasOlder || loading.current) {
      return;
    }
    loading.current = true;
    setBusy(true);
    following.current = false;
    setAway(true);
    loadOlder()
      .catch((error: unknown) => actions.report(error))
      .finally(() => {
        loading.current = false;
        setBusy(false);
      });
  };

  // Rows that turn out larger than thought scroll too; only the reader's own hand ends following.
  const hand = useRef(0);
  const touched = (): void => {
    hand.current = performance.now();
  };

  const onScroll = (): void => {
    const node = scroller.current;
    const reader = performance.now() - hand.current < HAND_MS;
    if (!node || (following.current && !reader)) {
      return;
    }
    const end = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR_END_PX;
    if (newer) {
      if (end && reader) {
        newer.load().catch((error: unknown) => actions.report(error));
      }
    } else if (end !== following.current && (end || reader)) {
      following.current = end;
      setAway(!end);
    }
    if (node.scrollTop < NEAR_START_PX && !end && !following.current) {
      more();
    }
  };

  // The list draws again by itself, so it gets entries of its own: the given ones change in place.
  // What is in view stays where it is when older ones come in above it; then the list takes all that
  // is more for what stands above, and gets what is newer in the next frame.
  const drawn = useRef({ from, newest: 0 });
  const shift = from < drawn.current.from;
  const end = shift
    ? entries.findLastIndex(entry => entry.offset <= drawn.current.newest) + 1
    : entries.length;
  const data = entries.slice(0, end);
  const [, redraw] = useState(0);
  useLayoutEffect(() => {
    drawn.current = { from, newest: entries[end - 1]?.offset ?? 0 };
    if (end === entries.length) {
      return;
    }
    const frame = window.requestAnimationFrame(() => redraw(n => n + 1));
    return () => window.cancelAnimationFrame(frame);
  });

  const contextOf = (entry: Entry, index: number): Context => {
    const before = shownBefore(data, index);
    const fresh = before ? isOtherDay(before.time, entry.time) : isOtherDay(entry.time, Date.now());
    return {
      day: fresh ? day(entry.time, Date.now()) : undefined,
      turn: before !== undefined && before.task_id !== entry.task_id,
      told: isTold(data, index),
      resultTold: isResultTold(data, index),
      over: props.isOver(entry.task_id),
      open: entry.type === 'question' && str(entry.data['question_id']) in props.questions
    };
  };
  const nothing = entries.every(entry => entry.type === 'chat' && !hasOlder);

  return (
    <div className="sparky-timeline">
      <div
        className="sparky-scroll"
        ref={scroller}
        onScroll={onScroll}
        onWheel={touched}
        onPointerDown={touched}
        onPointerMove={event => event.buttons && touched()}
        onTouchMove={touched}
        onKeyDown={touched}
        tabIndex={0}
        role="log"
        aria-label={props.label}
      >
        <div>
          {hasOlder && !props.ledBack && (
            <button className="sparky-link sparky-older" aria-busy={busy} onClick={more}>
              {busy ? trans.__('Loading earlier events…') : trans.__('Earlier')}
            </button>
          )}
          <Virtualizer ref={list} scrollRef={scroller} shift={shift} bufferSize={200} data={data}>
            {(entry, index) => (
              <EntryView
                key={`${entry.type}${entry.offset}`}
                entry={entry}
                chatId={props.chatId}
                stamp={entryStamp(entry)}
                task={props.nameOf?.(entry.task_id)}
                only={only && entry.task_id !== null ? only.bind(null, entry.task_id) : undefined}
                context={contextOf(entry, index)}
                mark={target !== undefined && holds(entry, target) ? target : undefined}
              />
            )}
          </Virtualizer>
          {nothing && props.empty}
        </div>
      </div>
      {(away || newer) && (
        <button className="sparky-button sparky-jump" onClick={newer ? newer.live : toEnd}>
          {trans.__('Jump to live')}
        </button>
      )}
    </div>
  );
}
