/** The side bar: all tasks and chats, live; and a chat in place where there are no tabs. */

import { addIcon, caretLeftIcon, refreshIcon } from '@jupyterlab/ui-components';
import { useMemo, useState } from 'react';

import { Button } from '../components/actions';
import { Age, Connection } from '../components/connection';
import { Empty } from '../components/empty';
import { useBeat, useEnv, useSettings } from '../components/env';
import { More } from '../components/more';
import { isEnded } from '../state/model';
import { shortTitle } from '../state/text';
import type { ChatRow } from '../transport/rest';
import type { Place } from '../tokens';
import { ChatView } from './chatview';
import { TaskRowView } from './row';
import { SchedulesView } from './schedules';

const TASKS = 100;
/** Of those that have ended the newest, so that schedules and chats are in sight. */
const ENDED = 12;
/** Progress is in the chats themselves: so many of them are watched for it. */
const LIVE_CHATS = 6;

export function Panel(props: {
  place: Place | null;
  /** The side bar is open at it. */
  seen: boolean;
  back: () => void;
}): JSX.Element {
  return props.place ? (
    <ChatInPlace place={props.place} back={props.back} />
  ) : (
    <Overview seen={props.seen} />
  );
}

function ChatInPlace({ place, back }: { place: Place; back: () => void }): JSX.Element {
  const { trans } = useEnv();
  return (
    <div className="sparky-panel">
      <div className="sparky-panel-bar">
        <Button
          label={trans.__('All tasks and chats')}
          icon={<caretLeftIcon.react tag="span" />}
          run={back}
        />
        <span>{trans.__('All tasks and chats')}</span>
      </div>
      <ChatView place={place} />
    </div>
  );
}

function Overview({ seen }: { seen: boolean }): JSX.Element {
  const { hub, trans, actions, rest } = useEnv();
  const { overview } = hub;
  useBeat(overview.beat);
  const { archivedChats } = useSettings();
  const [text, setText] = useState('');
  const [state, setState] = useState('');
  const [showArchived, setShowArchived] = useState(false);
  const [showAll, setShowAll] = useState(false);
  const { info } = overview;
  const wanted = text.trim().toLowerCase();
  const everything = wanted === '' && state === '';

  const tasks = overview.list().filter(task => {
    const title = overview.chats.get(task.chat_id)?.title ?? '';
    const words = `${task.name ?? ''} ${task.task_id} ${task.instruction ?? ''} ${title}`;
    return (
      (state === '' || task.state === state) &&
      words.toLowerCase().includes(wanted) &&
      (showArchived || !archivedChats.includes(task.chat_id))
    );
  });
  const chats = [...overview.chats.values()]
    .filter(
      chat =>
        `${chat.title ?? ''} ${chat.chat_id}`.toLowerCase().includes(wanted) &&
        (showArchived || !archivedChats.includes(chat.chat_id))
    )
    .sort((a, b) => b.updated - a.updated);
  // Those that have not ended stand first.
  const active = tasks.filter(task => !isEnded(task.state)).length;
  const most = Math.min(tasks.length, Math.max(TASKS, active));
  const shown = tasks.slice(0, showAll || !everything ? most : Math.min(most, active + ENDED));
  // Lists and digests tell when a task moved last, not that it goes on.
  const running = new Set(
    overview.list().flatMap(task => (task.state === 'running' ? [task.chat_id] : []))
  );
  const newChat = async (): Promise<void> => {
    const chat = await rest.createChat(trans.__('New chat'));
    actions.openChat({ chatId: chat.chat_id });
  };
  const live = useMemo(() => new Set<string>(), []);
  live.clear();
  for (const task of seen ? tasks : []) {
    if (live.size < LIVE_CHATS && (task.state === 'running' || task.state === 'waiting')) {
      live.add(task.chat_id);
    }
  }

  return (
    <div className="sparky-panel" data-offset={info.offset} data-connection={info.state}>
      <div className="sparky-panel-bar">
        <input
          className="sparky-input sparky-search"
          type="search"
          value={text}
          placeholder={trans.__('Find a task or chat')}
          aria-label={trans.__('Find a task or chat')}
          onChange={event => setText(event.target.value)}
        />
        <div className="sparky-panel-tools">
          <StateSelect value={state} change={setState} />
          <span className="sparky-space" />
          <Connection info={info} hurry={() => hub.hurry()} />
          <Button
            label={trans.__('Refresh')}
            icon={<refreshIcon.react tag="span" />}
            run={() => {
              hub.hurry();
              return overview.reload();
            }}
          />
          <Button label={trans.__('New chat')} icon={<addIcon.react tag="span" />} run={newChat} />
        </div>
      </div>
      <div className="sparky-lists">
        <h3>{trans.__('Tasks')}</h3>
        <ul className="sparky-list" aria-label={trans.__('Tasks')}>
          {shown.map(task => (
            <TaskRowView
              key={task.task_id}
              task={task}
              title={overview.titleOf(task.chat_id)}
              live={!isEnded(task.state) && live.has(task.chat_id)}
            />
          ))}
        </ul>
        {shown.length < most && (
          <button className="sparky-link" onClick={() => setShowAll(true)}>
            {trans._n(
              'Show %1 earlier task',
              'Show %1 earlier tasks',
              most - shown.length,
              most - shown.length
            )}
          </button>
        )}
        {tasks.length === 0 && (
          <NoTasks
            everything={everything}
            showAll={() => {
              setText('');
              setState('');
            }}
            newChat={newChat}
          />
        )}
        <SchedulesView
          wanted={wanted}
          shows={chatId => showArchived || !archivedChats.includes(chatId)}
        />
        {chats.length > 0 && <h3>{trans.__('Chats')}</h3>}
        <ul className="sparky-list" aria-label={trans.__('Chats')}>
          {chats.map(chat => (
            <ChatRowView
              key={chat.chat_id}
              chat={chat}
              running={running.has(chat.chat_id)}
              archived={archivedChats.includes(chat.chat_id)}
            />
          ))}
        </ul>
        {archivedChats.length > 0 && (
          <button
            className="sparky-link"
            aria-pressed={showArchived}
            onClick={() => setShowArchived(!showArchived)}
          >
            {showArchived ? trans.__('Hide archived') : trans.__('Show archived')}
          </button>
        )}
      </div>
    </div>
  );
}

function NoTasks(props: {
  everything: boolean;
  showAll: () => void;
  newChat: () => Promise<void>;
}): JSX.Element {
  const { hub, trans } = useEnv();
  const { ready, info } = hub.overview;
  if (!ready) {
    const problem = info.problem ?? '';
    return (
      <Empty>
        {problem
          ? trans.__('The tasks can’t be read now (%1). Trying again…', problem)
          : info.state === 'live'
            ? trans.__('Loading…')
            : trans.__('Connecting…')}
      </Empty>
    );
  }
  if (!props.everything) {
    return (
      <Empty actions={<Button label={trans.__('Show all')} run={props.showAll} />}>
        {trans.__('No task is like that.')}
      </Empty>
    );
  }
  return (
    <Empty actions={<Button label={trans.__('New chat')} run={props.newChat} />}>
      {trans.__('No tasks yet. Two cells of a notebook start one:')}
      <code className="sparky-empty-cell">%load_ext sparky_nb</code>
      <code className="sparky-empty-cell">{'%%sparky task\nprint("hello")'}</code>
    </Empty>
  );
}

function StateSelect(props: { value: string; change: (state: string) => void }): JSX.Element {
  const { trans } = useEnv();
  const names: [string, string][] = [
    ['', trans.__('All states')],
    ['running', trans.__('Running')],
    ['waiting', trans.__('Waiting')],
    ['queued', trans.__('Queued')],
    ['completed', trans.__('Completed')],
    ['failed', trans.__('Failed')],
    ['cancelled', trans.__('Cancelled')],
    ['lost', trans.__('Lost')]
  ];
  return (
    <select
      className="sparky-input"
      aria-label={trans.__('State')}
      value={props.value}
      onChange={event => props.change(event.target.value)}
    >
      {names.map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  );
}

function ChatRowView(props: { chat: ChatRow; running: boolean; archived: boolean }): JSX.Element {
  const { chat, running, archived } = props;
  const { trans, actions } = useEnv();
  const title = chat.title ?? chat.chat_id;
  return (
    <li className="sparky-row sparky-row-chat" data-sparky-chat={chat.chat_id}>
      <div className="sparky-row-line">
        <button
          className="sparky-row-main"
          title={`${title}\n${chat.chat_id}`}
          onClick={() => actions.openChat({ chatId: chat.chat_id })}
        >
          <span className="sparky-title">{shortTitle(title)}</span>
          <span className="sparky-dim">
            {running ? trans.__('running') : <Age time={chat.updated} />}
            {chat.owner ? ` · ${chat.owner}` : ''}
          </span>
        </button>
        <More label={trans.__('More about %1', title)}>
          <Button label={trans.__('Rename')} run={() => actions.renameChat(chat.chat_id)} />
          <Button
            label={archived ? trans.__('Take out of the archive') : trans.__('Archive')}
            run={() => actions.archiveChat(chat.chat_id, !archived)}
          />
          <Button label={trans.__('Delete')} run={() => actions.deleteChat(chat.chat_id)} />
        </More>
      </div>
    </li>
  );
}
