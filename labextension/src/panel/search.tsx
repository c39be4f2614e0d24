/** What a filter finds in a chat: in what is loaded, and, where the reader asks for it, further back. */

import { useCallback, useEffect, useState } from 'react';

import { useEnv } from '../components/env';
import { number } from '../components/format';
import { around } from '../state/around';
import type { Filter } from '../state/filter';
import { isSearch, select } from '../state/filter';
import type { Entry } from '../state/model';
import { Search, wholeFrom } from '../state/search';
import type { Chat } from '../transport/chat';

/** The part of the chat that is loaded. */
export interface Part {
  timeline: Entry[];
  from: number;
  hasOlder: boolean;
}

export interface Found {
  entries: Entry[];
  /** Everything from this event on has been looked at. */
  from: number;
  hasOlder: boolean;
  isFull: boolean;
  running: boolean;
  run: () => Promise<void>;
  stop: () => void;
}

export function useSearch(chat: Chat, filter: Filter, part: Part): Found {
  const { hub, actions } = useEnv();
  const [asked, setAsked] = useState<{ search: Search; life: string; reaches: number } | null>(
    null
  );
  const [, redraw] = useState(0);
  const { state, epoch } = chat;
  const { taskId } = filter;
  const task = state.tasks[taskId ?? ''];
  const earliest = task?.offset ?? hub.overview.tasks.get(taskId ?? '')?.first ?? 1;
  const whole = wholeFrom(part.timeline, part.from, filter);

  // What was found stays for as long as it is of this chat, as it is, and reaches what is loaded.
  const life = `${epoch} ${state.counters['redaction'] ?? 0}`;
  const current =
    asked?.search.filter === filter && asked.life === life && asked.reaches >= part.from;
  const search = current ? asked.search : null;
  useEffect(() => (search ? chat.hold() : undefined), [search, chat]);
  useEffect(() => () => search?.stop(), [search]);

  const { timeline } = part;
  const begin = Math.min(whole, task ? task.last + 1 : Infinity); // of a task nothing is newer
  const run = useCallback((): Promise<void> => {
    const begun =
      search ??
      new Search(filter, begin, earliest, timeline, chat.earlier, () => redraw(n => n + 1));
    if (!search) {
      setAsked({ search: begun, life, reaches: whole });
    }
    return begun.run();
  }, [search, filter, begin, earliest, timeline, chat, life, whole]);

  const entries = search ? search.with(timeline) : around(select(timeline, filter), filter);
  const hasOlder = search?.hasOlder ?? ((part.hasOlder || whole > part.from) && begin > earliest);
  // Whoever asks for a task alone is not shown an empty place because it was long ago.
  const onlyTask = taskId !== null && !isSearch(filter) && filter.hidden.length === 0;
  const unasked = onlyTask && entries.length === 0 && hasOlder && !search && chat.info.offset > 0;
  useEffect(() => {
    if (unasked) {
      run().catch((error: unknown) => actions.report(error));
    }
  }, [unasked, run, actions]);

  return {
    entries,
    from: search?.from ?? whole,
    hasOlder,
    isFull: search?.isFull ?? false,
    running: search?.running ?? false,
    run,
    stop: () => search?.stop()
  };
}

/** How far back a filter has looked, and the way further. */
export function Reach(props: {
  found: Found;
  filter: Filter;
  /** The newest event that was looked at, and whether that is the chat's newest. */
  to: number;
  isNewest: boolean;
}): JSX.Element {
  const { trans, actions } = useEnv();
  const { found, filter, to, isNewest } = props;
  const { entries, from, hasOlder, isFull, running, run, stop } = found;
  const [focused, setFocused] = useState(false);
  const count = entries.length;
  const part = hasOlder || isFull;
  const where = !isNewest
    ? trans.__('events %1 to %2', number(from), number(to))
    : part
      ? trans.__('the newest %1 events', number(to - from + 1))
      : filter.taskId === null
        ? trans.__('the whole chat')
        : trans.__('all that the task did');
  const sum =
    count === 0
      ? trans.__('Nothing found in %1.', where)
      : trans.__('%1 found in %2.', number(count), where);

  // What comes by itself is not read out: only what the reader has asked for.
  const looking = trans.__('Searching earlier events…');
  const [said, say] = useState({ filter, running, text: sum });
  if (said.filter !== filter || said.running !== running) {
    say({ filter, running, text: running ? looking : sum });
  }
  const more = hasOlder || running;
  return (
    <div className="sparky-note sparky-only sparky-reach">
      <span className="sparky-said" role="status">
        {said.text}
      </span>
      <span aria-hidden="true">
        {running ? `${looking} ` : ''}
        {sum}
        {isFull ? ` ${trans.__('A page shows no more than that: ask for less.')}` : ''}
      </span>
      {(more || focused) && (
        <button
          className="sparky-link"
          aria-disabled={!more}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
          onClick={() => {
            if (running) {
              stop();
            } else if (hasOlder) {
              run().catch((error: unknown) => actions.report(error));
            }
          }}
        >
          {running
            ? trans.__('Stop')
            : hasOlder
              ? trans.__('Search earlier events')
              : trans.__('There is nothing earlier')}
        </button>
      )}
    </div>
  );
}
