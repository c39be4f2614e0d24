/** Why a task still waits for its turn, where nobody is there to take it. */

import { useEffect, useState } from 'react';

import { useEnv, useNow } from './env';

const ASK_MS = 5_000;

/** Says so where neither a worker nor a kernel that attends to the chat lives; nothing otherwise. */
export function Queued({ chatId }: { chatId: string }): JSX.Element | null {
  const { hub, trans } = useEnv();
  const [alone, setAlone] = useState(false);
  const round = Math.floor(useNow(true) / ASK_MS);

  useEffect(() => {
    let current = true;
    hub.health(ASK_MS / 2).then(
      ({ runners = [] }) => {
        const taken = runners.some(({ role, chat_id }) => role === 'worker' || chat_id === chatId);
        if (current) {
          setAlone(!taken);
        }
      },
      () => undefined // the connection says what is wrong
    );
    return () => {
      current = false;
    };
  }, [hub, chatId, round]);

  return alone ? (
    <p className="sparky-note" role="status">
      {trans.__(
        'There is no worker to take it. Start one in a terminal (%1), or run %2 in its notebook.',
        'sparky agent worker',
        '%load_ext sparky_nb'
      )}
    </p>
  ) : null;
}
