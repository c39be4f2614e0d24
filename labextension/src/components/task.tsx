/** One task, live: state, time, progress, what it did, what it asks. The inline view. */

import { caretDownIcon, caretRightIcon, launchIcon } from '@jupyterlab/ui-components';
import { useEffect, useMemo, useRef, useState } from 'react';

import { TaskHistory } from '../state/history';
import type { Entry, OpenQuestion, Task } from '../state/model';
import { isEnded } from '../state/model';
import { join } from '../state/seam';
import { elapsed } from '../state/task';
import { taskName } from '../state/text';
import type { Chat } from '../transport/chat';
import { ApiError } from '../transport/rest';
import { Button, Composer, TaskButtons } from './actions';
import { Connection } from './connection';
import { Empty } from './empty';
import { useBeat, useEnv, useNow } from './env';
import { duration, moment } from './format';
import { Progress, stampOf } from './progress';
import { Question } from './question';
import { Queued } from './queued';
import { StateIcon, useStateName } from './state';
import { TaskError } from './status';
import { Timeline } from './timeline';
import { Usage } from './usage';
import { Viewers } from './viewers';

const PAGE = 1_000;

export function TaskView(props: {
  chat: Chat;
  taskId: string;
  fallback: JSX.Element;
}): JSX.Element {
  const { chat, taskId } = props;
  const env = useEnv();
  const { trans, actions } = env;
  useBeat(chat.beat);
  const [shown, setShown] = useState(true);
  const { task, entries, from, hasOlder, loadOlder, missing } = useTask(chat, taskId);
  const { info } = chat;
  const nameOf = useStateName();
  const running = task !== null && !isEnded(task.state);
  const now = useNow(running);

  if (missing) {
    return (
      <div className="sparky-task sparky-mod-missing" data-connection={info.state}>
        <p className="sparky-note">
          {trans.__(
            'The record of this task is not in the log that this server reads. What was saved:'
          )}
        </p>
        {props.fallback}
      </div>
    );
  }
  const state = task?.state ?? null;
  const title = task ? taskName(task) : trans.__('A task');
  const questions = questionsOf(chat, taskId);
  const error = task?.['error'] as Record<string, unknown> | undefined;
  const took = task ? elapsed(task, now) : null;
  const wordsOf = (now: string | null): string =>
    now === null
      ? (info.problem ?? trans.__('Connecting…'))
      : now === 'queued'
        ? trans.__('It waits for its turn.')
        : trans.__('It has done nothing yet.');
  return (
    <section
      className={`sparky-task sparky-task-${state ?? 'unknown'}`}
      data-sparky-task={taskId}
      data-state={state ?? 'unknown'}
      data-offset={info.offset}
      data-connection={info.state}
      aria-label={trans.__('Task %1', title)}
    >
      <header className="sparky-task-head">
        <button
          className="sparky-iconbutton"
          aria-label={shown ? trans.__('Hide details') : trans.__('Show details')}
          aria-expanded={shown}
          onClick={() => setShown(!shown)}
        >
          {shown ? <caretDownIcon.react tag="span" /> : <caretRightIcon.react tag="span" />}
        </button>
        {task && <StateIcon state={state} cancelling={task.cancelling} />}
        <span className="sparky-task-name">
          <span className="sparky-title" title={`${title}\n${taskId}`}>
            {title}
          </span>
          <span className="sparky-dim" role="status">
            {task && nameOf(state, task.cancelling)}
          </span>
          {took !== null && (
            <span className="sparky-dim" title={task ? moment(task.created) : ''}>
              {duration(took)}
            </span>
          )}
          <Usage usage={task?.['usage']} />
        </span>
        <Viewers chat={chat} />
        <Connection info={info} hurry={() => chat.hurry()} />
        <TaskButtons taskId={taskId} state={state} cancelling={task?.cancelling ?? false}>
          <Button
            label={trans.__('Open in Sparky')}
            icon={<launchIcon.react tag="span" />}
            run={() => actions.openChat({ chatId: chat.chatId, taskId })}
          />
        </TaskButtons>
      </header>
      {state === 'queued' && <Queued chatId={chat.chatId} />}
      {task && Object.keys(task.progress).length > 0 && (
        <Progress bars={task.progress} stamp={stampOf(task.progress)} ended={!running} />
      )}
      {questions.map(question => (
        <OpenQuestionView key={question.offset} question={question} taskId={taskId} />
      ))}
      {error && !shown && <TaskError error={error} />}
      {shown && (
        <Timeline
          entries={entries}
          chatId={chat.chatId}
          label={trans.__('What %1 did', title)}
          from={from}
          hasOlder={hasOlder}
          hold={chat.hold}
          loadOlder={loadOlder}
          questions={chat.state.questions}
          isOver={() => !running}
          empty={<Empty>{wordsOf(state)}</Empty>}
        />
      )}
      {shown && running && task?.['kind'] === 'agent' && (
        <Composer
          label={trans.__('Message to the task')}
          placeholder={trans.__('Write to the task…')}
          send={text => env.rest.message(taskId, text)}
        />
      )}
    </section>
  );
}

export function OpenQuestionView(props: { question: OpenQuestion; taskId: string }): JSX.Element {
  const { rest } = useEnv();
  const { question, taskId } = props;
  const questionId = textOr(question['question_id'], '');
  const choices = question['choices'];
  return (
    <Question
      taskId={taskId}
      questionId={questionId}
      prompt={textOr(question['prompt'], '')}
      choices={Array.isArray(choices) ? choices.map(String) : []}
      approval={question['approval'] !== undefined}
      expires={typeof question['expires'] === 'number' ? question['expires'] : null}
      answer={text => rest.answer(taskId, questionId, text)}
    />
  );
}

/** A task's part of its chat, with what is further back than the chat's timeline. */
function useTask(
  chat: Chat,
  taskId: string
): {
  task: Task | null;
  entries: Entry[];
  from: number;
  hasOlder: boolean;
  loadOlder: () => Promise<void>;
  missing: boolean;
} {
  const { rest } = useEnv();
  const [loaded, setHistory] = useState<TaskHistory | null>(null);
  const [, redraw] = useState(0);
  const [missing, setMissing] = useState(false);
  const asked = useRef(false);
  const live = chat.state.tasks[taskId] ?? null;
  const connected = chat.info.offset > 0 || chat.missing;
  // Where the chat has dropped more since, what was loaded does not reach what is there any more.
  const history =
    loaded && loaded.end >= Math.min(chat.wholeFrom, (live?.last ?? 0) + 1) ? loaded : null;

  const load = useMemo(
    () => async (): Promise<void> => {
      let current = history;
      if (!current) {
        const row = live ? null : await rest.task(taskId);
        const first = live?.offset ?? row?.first ?? 1;
        const end = live ? chat.wholeFrom : Math.min(chat.wholeFrom, (row?.last ?? Infinity) + 1);
        current = new TaskHistory(taskId, first, end, async before => {
          return rest.events(chat.chatId, { before, limit: PAGE });
        });
        setHistory(current);
      }
      await current.more();
      redraw(n => n + 1);
    },
    [chat, history, live, rest, taskId]
  );

  useEffect(() => {
    if (live) {
      setMissing(false);
    } else if (connected && !asked.current) {
      asked.current = true; // it ended long ago: the state of the chat does not know it any more
      load().catch((error: unknown) => {
        setMissing(error instanceof ApiError && error.status === 404);
      });
    }
  }, [live, connected, load]);

  const recent = chat.state.timeline.filter(entry => entry.task_id === taskId);
  const entries = history?.entries.length
    ? join(
        history.entries.map(entry => ({ ...entry })),
        recent
      )
    : recent;
  const task = live ?? history?.task ?? null;
  const whole = live !== null && live.offset >= chat.wholeFrom;
  return {
    task,
    entries,
    from: history?.from ?? chat.wholeFrom,
    hasOlder: !whole && task !== null && !(history?.complete ?? false),
    loadOlder: load,
    missing: missing && !live
  };
}

export function questionsOf(chat: Chat, taskId: string): OpenQuestion[] {
  return Object.values(chat.state.questions).filter(question => question.task_id === taskId);
}

export function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise;
}
