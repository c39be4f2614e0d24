/** A new schedule: what to do, when, in which chat. */

import type { ReactNode } from 'react';
import { useEffect, useId, useRef, useState } from 'react';

import { useEnv } from '../components/env';
import type { ScheduleRow } from '../transport/rest';
import { ApiError } from '../transport/rest';
import { viewersZone } from './schedulewords';

const DEFAULT_CHAT = 'default';

type Kind = ScheduleRow['kind'];

/** @param props.close with what was made, or with nothing */
export function NewScheduleForm(props: { close: (made?: ScheduleRow) => void }): JSX.Element {
  const { trans, rest, hub } = useEnv();
  const [instruction, setInstruction] = useState('');
  const [kind, setKind] = useState<Kind>('every');
  const [count, setCount] = useState('30');
  const [unit, setUnit] = useState('m');
  const [cron, setCron] = useState('0 8 * * 1-5');
  const [at, setAt] = useState('');
  const [timezone, setTimezone] = useState(viewersZone);
  const [chatId, setChatId] = useState(DEFAULT_CHAT);
  const [fault, setFault] = useState<{ field: string; text: string } | null>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const name = useId();
  useEffect(() => {
    form.current?.querySelector('textarea')?.focus();
  }, []);
  useEffect(() => {
    if (fault) {
      form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
    }
  }, [fault]);

  const submit = async (): Promise<void> => {
    const rule = { every: `${count}${unit}`, cron, at }[kind];
    setBusy(true);
    setFault(null);
    try {
      const wanted = { chat_id: chatId, instruction, timezone, [kind]: rule };
      props.close(await rest.addSchedule(wanted));
    } catch (error) {
      const found = error instanceof ApiError ? error.fault : null;
      const text = error instanceof Error ? error.message : String(error);
      setFault(
        found
          ? { field: found.field, text: trans.__('Expected: %1', found.rule) }
          : { field: '', text }
      );
      setBusy(false);
    }
  };
  const field = (id: string, label: string, draw: Draw, hint?: string): JSX.Element => (
    <Field label={label} hint={hint} fault={fault?.field === id ? fault.text : undefined}>
      {draw}
    </Field>
  );
  const shown = ['instruction', 'chat_id', kind, ...(kind === 'every' ? [] : ['timezone'])];
  const kinds: [Kind, string][] = [
    ['every', trans.__('Every so often')],
    ['cron', trans.__('By the calendar')],
    ['at', trans.__('Once')]
  ];

  return (
    <form
      ref={form}
      className="sparky-form"
      aria-label={trans.__('New schedule')}
      noValidate
      onSubmit={event => {
        event.preventDefault();
        void submit();
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          props.close();
        }
      }}
    >
      {field('instruction', trans.__('Instruction'), about => (
        <textarea
          {...about}
          rows={2}
          value={instruction}
          placeholder={trans.__('Tell the agent what to do…')}
          onChange={event => setInstruction(event.target.value)}
        />
      ))}
      <fieldset className="sparky-kinds">
        <legend>{trans.__('When')}</legend>
        {kinds.map(([value, label]) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              value={value}
              checked={kind === value}
              onChange={() => setKind(value)}
            />
            {label}
          </label>
        ))}
      </fieldset>
      {kind === 'every' &&
        field('every', trans.__('Every'), about => (
          <span className="sparky-every">
            <input
              {...about}
              type="number"
              min="1"
              value={count}
              onChange={event => setCount(event.target.value)}
            />
            <select
              className="sparky-input"
              aria-label={trans.__('Unit')}
              value={unit}
              onChange={event => setUnit(event.target.value)}
            >
              <option value="s">{trans.__('seconds')}</option>
              <option value="m">{trans.__('minutes')}</option>
              <option value="h">{trans.__('hours')}</option>
              <option value="d">{trans.__('days')}</option>
            </select>
          </span>
        ))}
      {kind === 'cron' &&
        field(
          'cron',
          trans.__('Cron rule'),
          about => (
            <input
              {...about}
              value={cron}
              spellCheck={false}
              onChange={event => setCron(event.target.value)}
            />
          ),
          trans.__('minute, hour, day, month, day of the week')
        )}
      {kind === 'at' &&
        field('at', trans.__('At'), about => (
          <input
            {...about}
            type="datetime-local"
            value={at}
            onChange={event => setAt(event.target.value)}
          />
        ))}
      {kind !== 'every' &&
        field('timezone', trans.__('Time zone'), about => (
          <>
            <input
              {...about}
              value={timezone}
              list={`${name}-zones`}
              spellCheck={false}
              onChange={event => setTimezone(event.target.value)}
            />
            <datalist id={`${name}-zones`}>
              {Intl.supportedValuesOf('timeZone').map(zone => (
                <option key={zone} value={zone} />
              ))}
            </datalist>
          </>
        ))}
      {field('chat_id', trans.__('Chat'), about => (
        <select {...about} value={chatId} onChange={event => setChatId(event.target.value)}>
          {[...new Set([DEFAULT_CHAT, ...hub.overview.chats.keys()])].map(id => (
            <option key={id} value={id}>
              {hub.overview.titleOf(id)}
            </option>
          ))}
        </select>
      ))}
      {fault && !shown.includes(fault.field) && (
        <div className="sparky-fault" role="alert">
          {fault.field ? `${fault.field}: ${fault.text}` : fault.text}
        </div>
      )}
      <div className="sparky-form-buttons">
        <button type="button" className="sparky-button" onClick={() => props.close()}>
          {trans.__('Cancel')}
        </button>
        <button className="sparky-button sparky-mod-accept" disabled={busy}>
          {trans.__('Schedule')}
        </button>
      </div>
    </form>
  );
}

/** What a field's control is given, so that its label, hint and fault are said with it. */
interface About {
  id: string;
  className: string;
  'aria-invalid': boolean;
  'aria-describedby': string | undefined;
}

type Draw = (about: About) => ReactNode;

function Field(props: {
  label: string;
  hint: string | undefined;
  fault: string | undefined;
  children: Draw;
}): JSX.Element {
  const id = useId();
  const { hint, fault } = props;
  const said = [fault && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(' ');
  return (
    <div className="sparky-field">
      <label htmlFor={id}>{props.label}</label>
      {props.children({
        id,
        className: 'sparky-input',
        'aria-invalid': fault !== undefined,
        'aria-describedby': said || undefined
      })}
      {hint && (
        <div id={`${id}-hint`} className="sparky-dim">
          {hint}
        </div>
      )}
      {fault !== undefined && (
        <div id={`${id}-fault`} className="sparky-fault" role="alert">
          {fault}
        </div>
      )}
    </div>
  );
}
