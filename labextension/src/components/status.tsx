/** A step in a task's life, as a line of its history: what is past stands still. */

import type { Entry, Json } from '../state/model';
import { SOMEBODY } from '../state/text';
import { useEnv } from './env';
import { duration } from './format';
import { Mime } from './mime';
import { StateIcon, useStateName } from './state';
import { tame } from './terminal';
import { str } from './text';
import { shorten, Value } from './value';

/** Kinds of tasks whose instruction is code; an agent's is the first message that it gets. */
const CODE = new Set(['call', 'cell']);
/** More of it than this is folded. */
const CODE_LINES = 2;
/** Says no more than the state does. */
const BY_SOMEBODY = `cancelled by ${SOMEBODY}`;

export function Status(props: {
  entry: Entry;
  chatId: string;
  /** The name of its task, where several stand together; '' where that is not known. */
  task?: string | undefined;
  only?: (() => void) | undefined;
  resultTold: boolean;
}): JSX.Element {
  const { entry, chatId } = props;
  const { trans } = useEnv();
  const nameOf = useStateName();
  const { data } = entry;
  const state = str(data['state']);
  const error = data['error'] as Json | undefined;
  const name = props.task === undefined ? '' : props.task || str(data['name']);
  const reason = str(data['reason']);
  const attempt = typeof data['attempt'] === 'number' && data['attempt'] > 1 ? data['attempt'] : 0;
  const facts = [
    state === 'running' ? trans.__('started') : nameOf(state),
    typeof data['duration_ms'] === 'number' ? duration(data['duration_ms']) : '',
    attempt > 0 ? trans.__('attempt %1', attempt) : '',
    reason === str(error?.['message']) || reason === BY_SOMEBODY ? '' : reason
  ];
  return (
    <div className="sparky-status">
      <div className="sparky-status-line">
        <StateIcon state={state === 'running' ? 'started' : state} />
        <span>
          {name && <TaskName name={name} only={props.only} />} {facts.filter(Boolean).join(' · ')}
        </span>
      </div>
      {str(data['instruction']) && data['kind'] !== 'agent' && (
        <Told text={tame(str(data['instruction']))} code={CODE.has(str(data['kind']))} />
      )}
      {error && <TaskError error={error} />}
      {data['result'] !== undefined && data['result'] !== null && !props.resultTold && (
        <div className="sparky-result">
          <Value value={data['result']} chatId={chatId} />
        </div>
      )}
    </div>
  );
}

/** What a task was told to do. Code of some length is folded: it mostly stands in the cell above. */
function Told({ text, code }: { text: string; code: boolean }): JSX.Element {
  const { trans } = useEnv();
  const lines = text.trim().split('\n');
  const quote = (
    <blockquote className={code ? 'sparky-mod-code' : undefined}>{shorten(text)}</blockquote>
  );
  return code && lines.length > CODE_LINES ? (
    <details className="sparky-code">
      <summary>
        <span className="sparky-kind">
          {trans._n('%1 line', '%1 lines', lines.length, lines.length)}
        </span>{' '}
        <code>{lines[0]}</code>
      </summary>
      {quote}
    </details>
  ) : (
    quote
  );
}

/** Whose step it is; where several tasks stand together it leads to that task alone. */
export function TaskName(props: { name: string; only?: (() => void) | undefined }): JSX.Element {
  const { trans } = useEnv();
  return props.only ? (
    <button
      type="button"
      className="sparky-taskname"
      title={trans.__('Show only this task')}
      onClick={props.only}
    >
      {props.name}
    </button>
  ) : (
    <b>{props.name}</b>
  );
}

export function TaskError({ error }: { error: Json }): JSX.Element {
  const { trans } = useEnv();
  const traceback = str(error['traceback']);
  return (
    <div className="sparky-error" role="alert">
      <div className="sparky-error-head">
        <b>{str(error['type'])}</b>: {shorten(tame(str(error['message'])))}
      </div>
      {traceback && (
        <details>
          <summary>{trans.__('Traceback')}</summary>
          <Mime data={{ 'application/vnd.jupyter.stderr': tame(traceback) }} />
        </details>
      )}
    </div>
  );
}
