/** The schedules in the side bar: what starts by the clock, when next, and how it went last. */

import { addIcon } from '@jupyterlab/ui-components';
import { useEffect, useRef, useState } from 'react';

import { Button } from '../components/actions';
import { Age } from '../components/connection';
import { useEnv, useNow } from '../components/env';
import { More } from '../components/more';
import { StateIcon, useStateName } from '../components/state';
import { isEnded } from '../state/model';
import type { ScheduleRow } from '../transport/rest';
import { NewScheduleForm } from './newschedule';
import { nextWords, ruleWords } from './schedulewords';

/**
 * @param props.wanted what people look for, in lower case
 * @param props.shows whether a chat is shown
 */
export function SchedulesView(props: {
  wanted: string;
  shows: (chatId: string) => boolean;
}): JSX.Element {
  const { trans, hub } = useEnv();
  const [open, setOpen] = useState(false);
  const [said, setSaid] = useState('');
  const section = useRef<HTMLElement>(null);
  const all = hub.overview.schedules.list().filter(row => props.shows(row.chat_id));
  const rows = all.filter(row =>
    `${nameOf(row)} ${row.words} ${hub.overview.titleOf(row.chat_id)}`
      .toLowerCase()
      .includes(props.wanted)
  );
  const close = (made?: ScheduleRow): void => {
    if (made) {
      hub.overview.schedules.made(made); // or the button that gets the focus now is replaced in a moment
    }
    setOpen(false);
    setSaid(made ? trans.__('Scheduled: %1, %2', nameOf(made), ruleWords(made, trans)) : '');
  };
  const wasOpen = useRef(open);
  useEffect(() => {
    if (wasOpen.current && !open) {
      section.current?.querySelector<HTMLElement>('.sparky-new-schedule')?.focus();
    }
    wasOpen.current = open;
  }, [open]);
  return (
    <section ref={section} className="sparky-schedules" aria-label={trans.__('Schedules')}>
      {(all.length > 0 || open) && (
        <div className="sparky-schedules-head">
          <h3>{trans.__('Schedules')}</h3>
          {!open && (
            <Button
              label={trans.__('New schedule')}
              className="sparky-new-schedule"
              icon={<addIcon.react tag="span" />}
              run={() => setOpen(true)}
            />
          )}
        </div>
      )}
      {open && <NewScheduleForm close={close} />}
      {rows.length > 0 && (
        <ul className="sparky-list" aria-label={trans.__('Schedules')}>
          {rows.map(row => (
            <ScheduleRowView key={row.schedule_id} row={row} />
          ))}
        </ul>
      )}
      {all.length === 0 && !open && (
        <button
          type="button"
          className="sparky-link sparky-new-schedule"
          onClick={() => setOpen(true)}
        >
          {trans.__('New schedule')}
        </button>
      )}
      <span className="sparky-said" role="status">
        {said}
      </span>
    </section>
  );
}

function ScheduleRowView({ row }: { row: ScheduleRow }): JSX.Element {
  const { trans, hub, actions, rest } = useEnv();
  const id = row.schedule_id;
  const name = nameOf(row);
  const chat = hub.overview.titleOf(row.chat_id);
  const last = lastTask(row, hub.overview.tasks);
  const rule = ruleWords(row, trans);
  const paused = row.state === 'paused';
  const others = row.coalesced
    ? trans._n('%1 firing coalesced', '%1 firings coalesced', row.coalesced, row.coalesced)
    : '';
  const title = [
    name,
    `${row.words} · ${row.timezone}`,
    trans.__('by %1', row.from),
    trans._n('%1 run', '%1 runs', row.fired, row.fired),
    others,
    id
  ];
  return (
    <li className="sparky-row" data-sparky-schedule={id} data-state={row.state}>
      <div className="sparky-row-line">
        <button
          className="sparky-row-main"
          title={title.filter(Boolean).join('\n')}
          onClick={() => actions.openChat({ chatId: row.chat_id })}
        >
          <ScheduleIcon state={row.state} />
          <span className="sparky-title">{name}</span>
        </button>
        {row.state !== 'ended' && (
          <Button
            label={paused ? trans.__('Resume') : trans.__('Pause')}
            icon={<Glyph path={paused ? 'M5 3.5v9L12.5 8Z' : 'M5.5 4v8M10.5 4v8'} />}
            run={() => rest.changeSchedule(id, { state: paused ? 'active' : 'paused' })}
          />
        )}
        <More label={trans.__('More about %1', name)}>
          <Button
            label={trans.__('Run now')}
            disabled={last !== null && !isEnded(last.state)}
            run={() => rest.changeSchedule(id, { run: true })}
          />
          <Button label={trans.__('Remove')} run={() => actions.removeSchedule(id, name)} />
        </More>
      </div>
      <div className="sparky-schedule-facts">
        <span className="sparky-dim">{rule}</span>
        <Next row={row} lastEnded={last === null || isEnded(last.state)} />
        <Last row={row} last={last} chat={chat} />
      </div>
    </li>
  );
}

/** Alone what changes with the time. */
function Next({ row, lastEnded }: { row: ScheduleRow; lastEnded: boolean }): JSX.Element {
  const { trans } = useEnv();
  const now = useNow(row.state === 'active');
  return <span className="sparky-dim">{nextWords(row, lastEnded, now, trans)}</span>;
}

function Last(props: { row: ScheduleRow; last: Outcome | null; chat: string }): JSX.Element {
  const { trans } = useEnv();
  const stateName = useStateName();
  const { row, last } = props;
  if (row.needs && (last === null || last.state === 'queued')) {
    // what the notebook's kernel is there for; while there is none that has it, its task waits
    const words = last
      ? trans.__('waits for its notebook, which has %1', `${row.call}()`)
      : trans.__('needs its notebook, which has %1', `${row.call}()`);
    return (
      <span className="sparky-dim">
        {words} · {props.chat}
      </span>
    );
  }
  return (
    <span className="sparky-dim sparky-last">
      {last && <StateIcon state={last.state} />}
      <span>
        {last ? `${stateName(last.state)} · ` : trans.__('not run yet · ')}
        {last?.time && (
          <>
            <Age time={last.time} />
            {' · '}
          </>
        )}
        {props.chat}
      </span>
    </span>
  );
}

interface Outcome {
  state: string;
  time: number | null;
}

/** How the latest task goes; the lists know it, or the server said it with the schedule. */
function lastTask(
  row: ScheduleRow,
  tasks: ReadonlyMap<string, { state: string; ended: number | null }>
): Outcome | null {
  const task = row.last_task === null ? undefined : tasks.get(row.last_task);
  const state = task?.state ?? row.last_state ?? null;
  return state === null ? null : { state, time: task?.ended ?? row.last_at };
}

function nameOf(row: ScheduleRow): string {
  return row.name ?? row.instruction ?? `${row.call}()`;
}

function Glyph({ path }: { path: string }): JSX.Element {
  return (
    <svg className="sparky-glyph" viewBox="0 0 16 16" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

const SHAPES: Record<string, string> = {
  active: 'M8 4.5V8l2.4 1.5M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.6 2v2.6H11',
  paused: 'M6.3 5.7v4.6M9.7 5.7v4.6M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  ended: 'm5.4 8.2 1.9 1.9 3.4-4M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z'
};

function ScheduleIcon({ state }: { state: string }): JSX.Element {
  const { trans } = useEnv();
  const names: Record<string, string> = {
    active: trans.__('active'),
    paused: trans.__('paused'),
    ended: trans.__('ended')
  };
  return (
    <svg
      className={`sparky-state sparky-schedule-${state}`}
      viewBox="0 0 16 16"
      role="img"
      aria-label={names[state] ?? state}
    >
      <path d={SHAPES[state] ?? SHAPES['active']} />
    </svg>
  );
}
