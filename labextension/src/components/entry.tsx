/** One thing that happened, as people see it. */

import { memo } from 'react';

import type { Entry, Json } from '../state/model';
import { Aside } from './aside';
import { Boundary } from './boundary';
import { useEnv, useSettings } from './env';
import { duration } from './format';
import { Mime } from './mime';
import { markdown } from './question';
import { Pieces, Run } from './run';
import { StateIcon, useStateName } from './state';
import { tame } from './terminal';
import { str, textOf } from './text';
import { lateResult, Tool } from './tool';
import { shorten, Value } from './value';

export interface EntryProps {
  entry: Entry;
  chatId: string;
  /** Changes with the entry, which is changed in place. */
  stamp: string;
  /** The name of its task, where that is not clear. */
  task?: string | undefined;
  /** The event in it that somebody was sent to. */
  mark?: number | undefined;
}

/** What tells one drawing of an entry from the next. */
export function entryStamp(entry: Entry): string {
  const { last, chars = 0, answer, result, offset } = entry;
  return `${offset}.${last}.${chars}.${result ? 1 : 0}.${answer?.offset ?? 0}`;
}

export const EntryView = memo(function EntryView(props: EntryProps) {
  const { entry, mark, chatId } = props;
  const kind = `sparky-entry sparky-entry-${entry.type.replace(/[^a-z_]/gi, '')}`;
  const inResult = mark !== undefined && mark === entry.result?.offset;
  return (
    <div
      className={mark !== undefined && !inResult ? `${kind} sparky-mod-marked` : kind}
      data-sparky-event={entry.offset}
      data-type={entry.type}
      aria-current={mark !== undefined && !inResult ? 'true' : undefined}
    >
      <Boundary instead={() => <Plain entry={entry} />}>
        {bodyOf(props)}
        <Aside chatId={chatId} offset={entry.offset} time={entry.time} />
      </Boundary>
    </div>
  );
}, same);

function same(a: EntryProps, b: EntryProps): boolean {
  return a.stamp === b.stamp && a.task === b.task && a.mark === b.mark && a.chatId === b.chatId;
}

function bodyOf({ entry, chatId, mark, task }: EntryProps): JSX.Element {
  switch (entry.type) {
    case 'status':
      return <Status entry={entry} chatId={chatId} task={task} />;
    case 'thought':
      return <Thought entry={entry} />;
    case 'message_sent':
      return (
        <div className="sparky-message">
          <Mime data={markdown(textOf(entry))} />
          <Pieces entry={entry} />
        </div>
      );
    case 'message_received':
      return <Received entry={entry} />;
    case 'tool_use':
      return <Tool entry={entry} chatId={chatId} mark={mark} />;
    case 'tool_result':
      return <Tool entry={lateResult(entry)} chatId={chatId} mark={mark} />;
    case 'output':
      return <Output entry={entry} />;
    case 'question':
      return <Asked entry={entry} />;
    case 'command':
      return <Asking entry={entry} />;
    case 'chat':
    case 'redaction':
      return <Note entry={entry} />;
    default:
      return (
        <details className="sparky-unknown">
          <summary>{entry.type}</summary>
          <Value value={entry.data} chatId={chatId} />
        </details>
      );
  }
}

/** As it is in the log: where its data is not what its type promises. */
function Plain({ entry }: { entry: Entry }): JSX.Element {
  const { type, data, result } = entry;
  return (
    <details className="sparky-unknown">
      <summary>{type}</summary>
      <pre className="sparky-text">
        {shorten(tame(JSON.stringify(result ? [data, result] : data, null, 1)))}
      </pre>
    </details>
  );
}

function Status(props: { entry: Entry; chatId: string; task?: string | undefined }): JSX.Element {
  const { entry, chatId } = props;
  const { trans } = useEnv();
  const nameOf = useStateName();
  const { data } = entry;
  const state = str(data['state']);
  const error = data['error'] as Json | undefined;
  const name = str(data['name']) || props.task;
  const took = typeof data['duration_ms'] === 'number' ? duration(data['duration_ms']) : '';
  const attempt = typeof data['attempt'] === 'number' && data['attempt'] > 1 ? data['attempt'] : 0;
  return (
    <div className="sparky-status">
      <div className="sparky-status-line">
        <StateIcon state={state} />
        <span>
          {name && <b>{name} </b>}
          {nameOf(state)}
          {took && ` · ${took}`}
          {attempt > 0 && ` · ${trans.__('attempt %1', attempt)}`}
          {str(data['reason']) && ` · ${str(data['reason'])}`}
        </span>
      </div>
      {str(data['instruction']) && (
        <blockquote>{shorten(tame(str(data['instruction'])))}</blockquote>
      )}
      {error && <TaskError error={error} />}
      {data['result'] !== undefined && data['result'] !== null && (
        <div className="sparky-result">
          <Value value={data['result']} chatId={chatId} />
        </div>
      )}
    </div>
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

function Thought({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  const { foldThoughts } = useSettings();
  const text = textOf(entry);
  const first =
    text
      .trim()
      .split('\n')[0]
      ?.replace(/[*_`#]+/g, '')
      .slice(0, 120) ?? '';
  return (
    <details className="sparky-thought" open={!foldThoughts}>
      <summary>
        <span className="sparky-kind">{trans.__('Thought')}</span> {first}
      </summary>
      <Mime data={markdown(text)} />
      <Pieces entry={entry} />
    </details>
  );
}

function Received({ entry }: { entry: Entry }): JSX.Element {
  const { data } = entry;
  return (
    <div className="sparky-received">
      <span className="sparky-who">{str(data['from']) || entry.actor}</span>
      <Mime data={markdown(str(data['text']))} />
    </div>
  );
}

const STREAMS: Record<string, string> = {
  stdout: 'application/vnd.jupyter.stdout',
  stderr: 'application/vnd.jupyter.stderr',
  log: 'application/vnd.jupyter.stdout'
};

function Output({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  const { data } = entry;
  const mime = data['mime'];
  const stream = str(data['stream']);
  if (mime !== null && typeof mime === 'object') {
    return (
      <div className="sparky-output">
        <Mime data={mime as Json} />
      </div>
    );
  }
  return (
    <div className={`sparky-output sparky-output-${stream}`}>
      {str(data['level']) && <span className="sparky-kind">{str(data['level'])}</span>}
      {entry.cut && <div className="sparky-dim">{trans.__('… older output is further back')}</div>}
      <Run entry={entry} mime={STREAMS[stream] ?? 'text/plain'} />
      {data['truncated'] === true && (
        <div className="sparky-dim">{trans.__('Output was cut here.')}</div>
      )}
    </div>
  );
}

function Asked({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  const { data, answer } = entry;
  return (
    <div className="sparky-asked">
      <span className="sparky-kind">{trans.__('Question')}</span>
      <Mime data={markdown(str(data['prompt']))} />
      {answer && (
        <div className="sparky-answer">
          {str(answer.from)}: <b>{str(answer.text)}</b>
        </div>
      )}
    </div>
  );
}

function Asking({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  const { data } = entry;
  const name = str(data['name']);
  const names: Record<string, string> = {
    cancel: trans.__('asked to cancel'),
    message: trans.__('sent a message'),
    answer: trans.__('sent an answer')
  };
  return (
    <div className="sparky-note">
      {str(data['from'])} {names[name] ?? name} · {str(data['outcome'])}
    </div>
  );
}

function Note({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  const { data } = entry;
  if (entry.type === 'redaction') {
    const count = Array.isArray(data['offsets']) ? data['offsets'].length : 0;
    return (
      <div className="sparky-note">
        {trans.__('%1 removed %2 events', str(data['from']), count)}
      </div>
    );
  }
  const changes: Record<string, string> = {
    created: trans.__('The chat was created'),
    renamed: trans.__('The chat was renamed'),
    deleted: trans.__('The chat was deleted')
  };
  const change = str(data['change']);
  return (
    <div className="sparky-note">
      {changes[change] ?? change}
      {str(data['title']) && `: ${str(data['title'])}`}
    </div>
  );
}
