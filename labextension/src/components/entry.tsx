/** One thing that happened, as people see it. */

import { memo } from 'react';

import type { Entry, Json } from '../state/model';
import { personOf } from '../state/text';
import { Aside } from './aside';
import { Boundary } from './boundary';
import { useEnv, useSettings } from './env';
import { moment } from './format';
import { Mime } from './mime';
import { markdown } from './question';
import { Pieces, Run } from './run';
import { Status, TaskName } from './status';
import { tame } from './terminal';
import { str, textOf } from './text';
import { lateResult, Tool } from './tool';
import { shorten, Value } from './value';
import { commandWords } from './words';

export interface EntryProps {
  entry: Entry;
  chatId: string;
  /** Changes with the entry, which is changed in place. */
  stamp: string;
  /** The name of its task, where several stand together. */
  task?: string | undefined;
  /** Show this task alone. */
  only?: (() => void) | undefined;
  /** The event in it that somebody was sent to. */
  mark?: number | undefined;
  context: Context;
}

/** What the entries around it say of it. */
export interface Context {
  /** The day, where it is the first of one that is not clear. */
  day?: string | undefined;
  /** The entry before is of another task. */
  turn: boolean;
  /** Others say it: its place is kept, nothing is drawn. */
  told: boolean;
  /** What its task gives back is shown right before. */
  resultTold: boolean;
  /** Its task goes on no more. */
  over: boolean;
  /** It is a question that can be answered: it stands, with what is needed for that, beside the list. */
  open: boolean;
}

/** What tells one drawing of an entry from the next. */
export function entryStamp(entry: Entry): string {
  const { last, chars = 0, answer, result, offset } = entry;
  return `${offset}.${last}.${chars}.${result ? 1 : 0}.${answer?.offset ?? 0}`;
}

export const EntryView = memo(function EntryView(props: EntryProps) {
  const { entry, mark, chatId, context, task } = props;
  const hooks = { 'data-sparky-event': entry.offset, 'data-type': entry.type };
  if (context.told) {
    return <div {...hooks} hidden />;
  }
  const kind = `sparky-entry sparky-entry-${entry.type.replace(/[^a-z_]/gi, '')}`;
  const inResult = mark !== undefined && mark === entry.result?.offset;
  const marked = mark !== undefined && !inResult;
  return (
    <>
      {context.day && (
        <div className="sparky-day" role="separator" aria-label={context.day}>
          {context.day}
        </div>
      )}
      {context.turn && task && entry.type !== 'status' && (
        <div className="sparky-turn">
          <TaskName name={task} only={props.only} />
        </div>
      )}
      <div
        className={marked ? `${kind} sparky-mod-marked` : kind}
        {...hooks}
        aria-current={marked ? 'true' : undefined}
      >
        <Boundary instead={() => <Plain entry={entry} />}>
          {bodyOf(props)}
          <Aside chatId={chatId} offset={entry.offset} time={entry.time} />
        </Boundary>
      </div>
    </>
  );
}, same);

function same(a: EntryProps, b: EntryProps): boolean {
  return (
    a.stamp === b.stamp &&
    a.task === b.task &&
    a.mark === b.mark &&
    a.chatId === b.chatId &&
    a.context.day === b.context.day &&
    a.context.turn === b.context.turn &&
    a.context.told === b.context.told &&
    a.context.resultTold === b.context.resultTold &&
    a.context.over === b.context.over &&
    a.context.open === b.context.open
  );
}

function bodyOf({ entry, chatId, mark, task, only, context }: EntryProps): JSX.Element {
  switch (entry.type) {
    case 'status':
      return (
        <Status
          entry={entry}
          chatId={chatId}
          task={task}
          only={only}
          resultTold={context.resultTold}
        />
      );
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
      return <Tool entry={entry} chatId={chatId} mark={mark} over={context.over} />;
    case 'tool_result':
      return <Tool entry={lateResult(entry)} chatId={chatId} mark={mark} over />;
    case 'output':
      return <Output entry={entry} chatId={chatId} marked={mark !== undefined} />;
    case 'question':
      return <Asked entry={entry} open={context.open} />;
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

function Thought({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  const { foldThoughts } = useSettings();
  const text = textOf(entry);
  const first =
    text
      .trim()
      .split('\n')[0]
      ?.replace(/[*_`#]+/g, '')
      .slice(0, 300) ?? '';
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
      <Who name={data['from'] ?? entry.actor} />
      <Mime data={markdown(str(data['text']))} />
    </div>
  );
}

function Who({ name }: { name: unknown }): JSX.Element | null {
  const person = personOf(name);
  return person ? <span className="sparky-who">{person}</span> : null;
}

const STREAMS: Record<string, string> = {
  stdout: 'application/vnd.jupyter.stdout',
  stderr: 'application/vnd.jupyter.stderr',
  log: 'application/vnd.jupyter.stdout'
};

function Output(props: { entry: Entry; chatId: string; marked: boolean }): JSX.Element {
  const { trans, actions } = useEnv();
  const { entry, chatId, marked } = props;
  const { data } = entry;
  const first = entry.pieces?.[0]?.[0] ?? entry.offset;
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
      {entry.cut && (
        <button
          className="sparky-link"
          onClick={() => actions.openChat({ chatId, offset: first - 1 })}
        >
          {trans.__('Go to the output before this')}
        </button>
      )}
      <Run entry={entry} mime={STREAMS[stream] ?? 'text/plain'} opened={marked} />
      {data['truncated'] === true && (
        <div className="sparky-dim">{trans.__('Output was cut here.')}</div>
      )}
    </div>
  );
}

function Asked({ entry, open }: { entry: Entry; open: boolean }): JSX.Element {
  const { trans } = useEnv();
  const { data, answer } = entry;
  return (
    <div className={open ? 'sparky-asked sparky-mod-open' : 'sparky-asked'}>
      <span className="sparky-kind">{trans.__('Question')}</span>{' '}
      {open ? (
        <span className="sparky-dim">{trans.__('waiting for an answer, above')}</span>
      ) : (
        <>
          <Mime data={markdown(str(data['prompt']))} />
          {answer ? (
            <div className="sparky-answer" title={moment(answer.time)}>
              <span className="sparky-who">{personOf(answer.from) || trans.__('Answer')}:</span>{' '}
              {str(answer.text)}
            </div>
          ) : (
            <div className="sparky-dim">{trans.__('not answered')}</div>
          )}
        </>
      )}
    </div>
  );
}

function Asking({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  return <div className="sparky-note">{commandWords(trans, entry.data)}</div>;
}

function Note({ entry }: { entry: Entry }): JSX.Element {
  const { trans } = useEnv();
  const { data } = entry;
  if (entry.type === 'redaction') {
    const count = Array.isArray(data['offsets']) ? data['offsets'].length : 0;
    const person = personOf(data['from']);
    return (
      <div className="sparky-note">
        {person
          ? trans.__('%1 removed %2 events', person, count)
          : trans._n('%1 event was removed', '%1 events were removed', count, count)}
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
