import { refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { ReactNode } from 'react';
import { useState } from 'react';

import { isEnded } from '../state/model';
import { useEnv } from './env';

/** What can be done about a task. */
export function TaskButtons(props: {
  taskId: string;
  state: string | null;
  cancelling: boolean;
  /** Icons in place of words. */
  small?: boolean;
  children?: ReactNode;
}): JSX.Element {
  const { trans, actions } = useEnv();
  const { taskId, state, small } = props;
  const ended = isEnded(state);
  return (
    <span className="sparky-buttons">
      {props.children}
      {!ended && state !== null && (
        <Button
          label={trans.__('Cancel')}
          {...(small ? { icon: <stopIcon.react tag="span" /> } : {})}
          disabled={props.cancelling}
          run={() => actions.cancel(taskId)}
        />
      )}
      {(state === 'failed' || state === 'lost' || state === 'cancelled') && (
        <Button
          label={trans.__('Run again')}
          {...(small ? { icon: <refreshIcon.react tag="span" /> } : {})}
          run={() => actions.retry(taskId)}
        />
      )}
    </span>
  );
}

/** A button that stays quiet while what it asked for is under way; it keeps the focus. */
export function Button(props: {
  label: string;
  title?: string;
  disabled?: boolean;
  icon?: JSX.Element;
  className?: string;
  run: () => Promise<void> | void;
}): JSX.Element {
  const { actions } = useEnv();
  const [busy, setBusy] = useState(false);
  const run = (): void => {
    if (busy) {
      return;
    }
    const done = props.run();
    if (done) {
      setBusy(true);
      done.catch((error: unknown) => actions.report(error)).finally(() => setBusy(false));
    }
  };
  return (
    <button
      type="button"
      className={`${props.icon ? 'sparky-iconbutton' : 'sparky-button'} ${props.className ?? ''}`}
      title={props.title ?? (props.icon ? props.label : undefined)}
      aria-label={props.label}
      disabled={props.disabled ?? false}
      aria-disabled={busy || undefined}
      onClick={run}
    >
      {props.icon ?? props.label}
    </button>
  );
}

/** A line to write to somebody: a message to a task, or an instruction to the chat. */
export function Composer(props: {
  label: string;
  placeholder: string;
  send: (text: string) => Promise<void>;
}): JSX.Element {
  const { trans, actions } = useEnv();
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = (): void => {
    if (!text.trim() || busy) {
      return;
    }
    setBusy(true);
    props
      .send(text)
      .then(() => setText(''))
      .catch((error: unknown) => actions.report(error))
      .finally(() => setBusy(false));
  };
  return (
    <form
      className="sparky-composer"
      onSubmit={event => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        className="sparky-input"
        rows={1}
        value={text}
        aria-label={props.label}
        placeholder={props.placeholder}
        onChange={event => setText(event.target.value)}
        onKeyDown={event => {
          if (event.key !== 'Enter' || event.nativeEvent.isComposing) {
            return;
          }
          event.preventDefault(); // in a cell JupyterLab takes both for itself
          if (event.shiftKey) {
            const box = event.currentTarget;
            box.setRangeText('\n', box.selectionStart, box.selectionEnd, 'end');
            setText(box.value);
          } else {
            submit();
          }
        }}
      />
      <button className="sparky-button sparky-mod-accept" disabled={busy || !text.trim()}>
        {trans.__('Send')}
      </button>
    </form>
  );
}
