/** One task in the side bar. */

import { TaskButtons, Button } from '../components/actions';
import { Age } from '../components/connection';
import { useBeat, useChat, useEnv, useNow } from '../components/env';
import { duration } from '../components/format';
import { More } from '../components/more';
import { Progress, stampOf } from '../components/progress';
import { StateIcon, useStateName } from '../components/state';
import type { Bar } from '../state/model';
import { isEnded } from '../state/model';
import { elapsed } from '../state/task';
import { personOf, taskName } from '../state/text';
import type { Chat } from '../transport/chat';
import type { TaskItem } from '../transport/overview';
import { isRecordGone } from '../transport/overview';

export function TaskRowView(props: { task: TaskItem; title: string; live: boolean }): JSX.Element {
  const { trans, actions } = useEnv();
  const nameOf = useStateName();
  const { task } = props;
  const running = !isEnded(task.state);
  const now = useNow(running);
  const gone = isRecordGone(task);
  const name = gone ? trans.__('No record') : taskName(task);
  const starter = task.actor?.startsWith('user:') ? personOf(task.actor) : '';
  const started = task.started
    ? `${nameOf(task.state)} · ${duration(elapsed(task, now))}`
    : nameOf(task.state);
  return (
    <li className="sparky-row" data-sparky-task={task.task_id} data-state={task.state}>
      <div className="sparky-row-line">
        <button
          className="sparky-row-main"
          title={`${name}\n${task.task_id}\n${props.title}`}
          onClick={() => actions.openChat({ chatId: task.chat_id, taskId: task.task_id })}
        >
          <StateIcon state={task.state} />
          <span className="sparky-row-text">
            <span className="sparky-row-title">
              <span className={gone ? 'sparky-title sparky-dim' : 'sparky-title'}>{name}</span>
              {!running && task.ended && (
                <span className="sparky-dim">
                  <Age time={task.ended} />
                </span>
              )}
            </span>
            <span className="sparky-dim">
              {started}
              {` · ${props.title}`}
              {starter && ` · ${starter}`}
            </span>
          </span>
        </button>
        <TaskButtons taskId={task.task_id} state={task.state} cancelling={false} small />
        <More label={trans.__('More about %1', name)}>
          {task.origin?.path && (
            <Button
              label={trans.__('Go to its cell')}
              run={() => actions.openOrigin(task.origin ?? {})}
            />
          )}
          <Button
            label={trans.__('Copy a link')}
            run={() =>
              actions.copy(actions.permalink({ chatId: task.chat_id, taskId: task.task_id }))
            }
          />
          <Button
            label={trans.__('Export as HTML')}
            run={() => actions.exportTask(task.chat_id, task.task_id)}
          />
          {!running && !gone && (
            <Button
              label={trans.__('Delete its record')}
              run={() => actions.deleteRecord(task.chat_id, task.task_id)}
            />
          )}
        </More>
      </div>
      {props.live && <LiveProgress task={task} />}
    </li>
  );
}

function LiveProgress({ task }: { task: TaskItem }): JSX.Element | null {
  const chat = useChat(task.chat_id);
  return chat && <Bars chat={chat} taskId={task.task_id} />;
}

function Bars({ chat, taskId }: { chat: Chat; taskId: string }): JSX.Element | null {
  useBeat(chat.beat);
  const bars: Record<string, Bar> = chat.state.tasks[taskId]?.progress ?? {};
  return Object.keys(bars).length ? (
    <Progress bars={bars} stamp={stampOf(bars)} ended={false} />
  ) : null;
}
