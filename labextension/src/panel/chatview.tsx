/** One chat: its tasks, its timeline, what can be said and done. */

import { copyIcon, editIcon } from '@jupyterlab/ui-components';
import { useState } from 'react';

import { Button, Composer, TaskButtons } from '../components/actions';
import { Connection } from '../components/connection';
import { Empty } from '../components/empty';
import { useBeat, useChat, useEnv, useNow } from '../components/env';
import { Filters } from '../components/filters';
import { duration, moment, number } from '../components/format';
import { Progress, stampOf } from '../components/progress';
import { Queued } from '../components/queued';
import { StateIcon, useStateName } from '../components/state';
import { OpenQuestionView, questionsOf, textOr } from '../components/task';
import { Timeline } from '../components/timeline';
import { Usage } from '../components/usage';
import { Viewers } from '../components/viewers';
import type { Filter } from '../state/filter';
import { EVERYTHING, isNarrow, isSearch } from '../state/filter';
import type { Task } from '../state/model';
import { isEnded } from '../state/model';
import { elapsed } from '../state/task';
import { shortTitle, taskName } from '../state/text';
import type { Place } from '../tokens';
import type { Chat } from '../transport/chat';
import { useExcerpt } from './excerpt';
import { Reach, useSearch } from './search';

/** Only tasks that have ended are forgotten. */
const GONE = 'completed';

export function ChatView(props: { place: Place }): JSX.Element {
  const { trans } = useEnv();
  const chat = useChat(props.place.chatId);
  return chat ? (
    <ChatBody key={chat.chatId} chat={chat} place={props.place} />
  ) : (
    <Empty>{trans.__('Connecting…')}</Empty>
  );
}

function ChatBody({ chat, place }: { chat: Chat; place: Place }): JSX.Element {
  const env = useEnv();
  const { trans, actions, rest } = env;
  useBeat(chat.beat);
  const [filter, setFilter] = useState<Filter>({ ...EVERYTHING, taskId: place.taskId ?? null });
  const [seen, setSeen] = useState({ place, times: 0 });
  if (seen.place !== place) {
    setSeen({ place, times: seen.times + 1 }); // opened again from elsewhere: show what is asked for now
    // Whoever is sent to an event sees it, whatever was hidden before.
    const kept = place.offset === undefined ? filter : EVERYTHING;
    setFilter({ ...kept, taskId: place.taskId ?? null });
  }
  const { excerpt, loading, target: offset, leave } = useExcerpt(chat, place);
  const { state, info, chatId } = chat;
  const full = env.hub.overview.chats.get(chatId)?.title ?? state.title ?? chatId;
  const title = shortTitle(full);
  useBeat(env.hub.overview.beat);
  const tasks = Object.values(state.tasks);
  const shownTasks = tasks.filter(task =>
    filter.taskId === null
      ? !isEnded(task.state) && task.task_id !== null
      : task.task_id === filter.taskId
  );
  const part = excerpt ?? {
    timeline: state.timeline,
    from: chat.wholeFrom,
    hasOlder: chat.hasOlder
  };
  const narrow = isNarrow(filter);
  const found = useSearch(chat, filter, part);
  const { entries } = found;
  // How far it has looked back is said where somebody asks for something, or nothing is there.
  const nothingYet = entries.length === 0 && found.hasOlder;
  const asks = isSearch(filter) || (narrow && (found.running || found.isFull || nothingYet));
  const further = (): void => {
    if (found.hasOlder) {
      found.run().catch((error: unknown) => actions.report(error));
    }
  };
  const chosen = tasks.find(task => task.task_id === filter.taskId && !isEnded(task.state));
  const running = shownTasks.filter(task => !isEnded(task.state));
  const talking = chosen ?? (running.length === 1 ? running[0] : undefined);

  return (
    <div
      className="sparky-chat"
      data-sparky-chat={chatId}
      data-offset={info.offset}
      data-connection={info.state}
    >
      <header className="sparky-chat-head">
        <h2 title={`${full}\n${chatId}`}>{title}</h2>
        <Button
          label={trans.__('Rename the chat')}
          icon={<editIcon.react tag="span" />}
          run={() => actions.renameChat(chatId)}
        />
        <Button
          label={trans.__('Copy a link to this chat')}
          icon={<copyIcon.react tag="span" />}
          run={() =>
            actions.copy(actions.permalink({ chatId, taskId: filter.taskId ?? undefined }))
          }
        />
        <span className="sparky-space" />
        <Viewers chat={chat} />
        <Connection info={info} hurry={() => chat.hurry()} />
      </header>
      <Filters filter={filter} change={setFilter} further={further} />
      {filter.taskId !== null && (
        <div className="sparky-note sparky-only">
          {trans.__(
            'Only %1.',
            taskName(tasks.find(task => task.task_id === filter.taskId)) || filter.taskId
          )}{' '}
          <button className="sparky-link" onClick={() => setFilter({ ...filter, taskId: null })}>
            {trans.__('Show the whole chat')}
          </button>
        </div>
      )}
      <div className="sparky-active">
        {shownTasks.map(task => (
          <ActiveTask key={task.task_id} chat={chat} task={task} />
        ))}
      </div>
      {excerpt && (
        <div className="sparky-note sparky-only">
          {trans.__(
            'An earlier part: events %1 to %2 of %3.',
            number(excerpt.from),
            number(excerpt.to),
            number(info.head)
          )}
        </div>
      )}
      {asks && (
        <Reach found={found} filter={filter} to={excerpt?.to ?? info.offset} isNewest={!excerpt} />
      )}
      {chat.missing || loading ? (
        <Empty>
          {loading
            ? trans.__('Loading…')
            : trans.__(
                'There is no such chat. It appears here as soon as something happens in it.'
              )}
        </Empty>
      ) : (
        <Timeline
          key={`${seen.times}${excerpt ? 'then' : 'now'}`}
          entries={entries}
          chatId={chatId}
          label={trans.__('What happened in %1', title)}
          from={narrow ? found.from : part.from}
          hasOlder={narrow ? found.hasOlder : part.hasOlder}
          ledBack={asks}
          hold={chat.hold}
          loadOlder={() => (narrow ? found.run() : (excerpt ?? chat).loadOlder())}
          target={offset}
          newer={excerpt ? { load: () => excerpt.loadNewer(), live: leave } : undefined}
          empty={
            info.offset === 0 ? (
              <Empty>
                {info.problem
                  ? trans.__('This chat can’t be read now (%1). Trying again…', info.problem)
                  : trans.__('Connecting…')}
              </Empty>
            ) : entries.length < state.timeline.length ? (
              <Empty
                actions={
                  <Button
                    label={trans.__('Show everything')}
                    run={() => setFilter({ ...EVERYTHING, taskId: filter.taskId })}
                  />
                }
              >
                {asks ? '' : trans.__('Nothing to show.')}
              </Empty>
            ) : (
              <Empty>
                {trans.__('Nothing has happened here yet. Tell the agent below what to do.')}
              </Empty>
            )
          }
          questions={state.questions}
          isOver={id => id !== null && isEnded(state.tasks[id]?.state ?? GONE)}
          {...(filter.taskId === null
            ? {
                nameOf: (id: string | null) => textOr(state.tasks[id ?? '']?.name, ''),
                only: (taskId: string) => setFilter(now => ({ ...now, taskId }))
              }
            : {})}
        />
      )}
      <Composer
        label={talking ? trans.__('Message to the task') : trans.__('Instruction')}
        placeholder={
          talking
            ? trans.__('Write to %1…', textOr(talking.name, trans.__('the task')))
            : trans.__('Tell the agent what to do…')
        }
        send={async text => {
          if (talking) {
            await rest.message(String(talking.task_id), text);
          } else {
            await rest.instruct(chatId, text);
            setFilter(now => ({ ...now, taskId: null })); // it is another task's turn now
          }
        }}
      />
    </div>
  );
}

function ActiveTask({ chat, task }: { chat: Chat; task: Task }): JSX.Element {
  const { trans, actions } = useEnv();
  const nameOfState = useStateName();
  const now = useNow(!isEnded(task.state));
  const taskId = String(task.task_id);
  const origin = task.origin ?? null;
  return (
    <section className="sparky-active-task" data-sparky-task={taskId} data-state={task.state}>
      <div className="sparky-task-head">
        <StateIcon state={task.state} cancelling={task.cancelling} />
        <span className="sparky-task-name">
          <span className="sparky-title" title={`${taskName(task)}\n${taskId}`}>
            {taskName(task)}
          </span>
          <span className="sparky-dim">{nameOfState(task.state, task.cancelling)}</span>
          <span className="sparky-dim" title={moment(task.created)}>
            {duration(elapsed(task, now))}
          </span>
          <Usage usage={task['usage']} />
        </span>
        <TaskButtons taskId={taskId} state={task.state} cancelling={task.cancelling}>
          {origin?.path && (
            <button className="sparky-link" onClick={() => actions.openOrigin(origin)}>
              {trans.__('Go to its cell')}
            </button>
          )}
        </TaskButtons>
      </div>
      {task.state === 'queued' && <Queued chatId={chat.chatId} />}
      {Object.keys(task.progress).length > 0 && (
        <Progress bars={task.progress} stamp={stampOf(task.progress)} ended={isEnded(task.state)} />
      )}
      {questionsOf(chat, taskId).map(question => (
        <OpenQuestionView key={question.offset} question={question} taskId={taskId} />
      ))}
    </section>
  );
}
