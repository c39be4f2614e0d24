import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';

import type { Beat } from '../state/beat';
import type { Settings, Sparky } from '../tokens';
import type { Chat } from '../transport/chat';

export const EnvContext = createContext<Sparky | null>(null);

/** What the application gives to every view. */
export function useEnv(): Sparky {
  const env = useContext(EnvContext);
  if (!env) {
    throw new Error('no <EnvContext> around this component');
  }
  return env;
}

/** Draw again when something changed. */
export function useBeat(beat: Beat): number {
  return useSyncExternalStore(beat.subscribe, beat.snapshot);
}

/** A chat, connected for as long as the component is there. */
export function useChat(chatId: string): Chat | null {
  const { hub } = useEnv();
  const [chat, setChat] = useState<Chat | null>(null);
  useEffect(() => {
    const acquired = hub.acquire(chatId);
    setChat(acquired);
    return () => hub.release(acquired);
  }, [hub, chatId]);
  return chat?.chatId === chatId ? chat : null; // not the one that was asked for before
}

export function useSettings(): Settings {
  const env = useEnv();
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = (): void => redraw(n => n + 1);
    env.settingsChanged.connect(listener);
    return () => {
      env.settingsChanged.disconnect(listener);
    };
  }, [env]);
  return env.settings;
}

const tickers = new Set<() => void>();
let interval: number | undefined;

/** One timer for all, while there is something to count and somebody to see it. */
function run(): void {
  if (tickers.size === 0 || document.hidden) {
    window.clearInterval(interval);
    interval = undefined;
  } else {
    interval ??= window.setInterval(tickAll, 1_000);
  }
}

function tickAll(): void {
  [...tickers].forEach(tick => tick());
}

document.addEventListener('visibilitychange', () => {
  run();
  if (!document.hidden) {
    tickAll(); // what was on the screen when the page was left is old
  }
});

/** The time, moving on by the second while `running` and somebody looks. */
export function useNow(running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) {
      return;
    }
    const tick = (): void => setNow(Date.now());
    tick();
    tickers.add(tick);
    run();
    return () => {
      tickers.delete(tick);
      run();
    };
  }, [running]);
  return now;
}
