import { useEffect, useState } from 'react';

import { useChat, useEnv } from '../components/env';
import { TaskView } from '../components/task';
import type { TaskRef } from '../tokens';

/** Connects the task's chat and draws the task; says so where the server reads another log. */
export function InlineView(props: { taskRef: TaskRef; fallback: JSX.Element }): JSX.Element {
  const { hub, trans } = useEnv();
  const { taskRef } = props;
  const chat = useChat(taskRef.chat_id);
  const [otherLog, setOtherLog] = useState(false);

  useEffect(() => {
    let current = true;
    hub
      .health()
      .then(({ log }) => {
        if (current && taskRef.log_id && log?.id) {
          setOtherLog(log.id !== taskRef.log_id);
        }
      })
      .catch(() => undefined); // the chat's own connection says what is wrong
    return () => {
      current = false;
    };
  }, [hub, taskRef.log_id]);

  if (otherLog) {
    return (
      <div className="sparky-task sparky-mod-missing">
        <p className="sparky-note">
          {trans.__(
            'This task is recorded in another log than the one this server reads. What was saved:'
          )}
        </p>
        {props.fallback}
      </div>
    );
  }
  return chat ? <TaskView chat={chat} taskId={taskRef.task_id} fallback={props.fallback} /> : <></>;
}
