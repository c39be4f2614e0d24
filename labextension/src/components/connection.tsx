import type { ConnectionInfo } from '../transport/chat';
import { useEnv, useNow } from './env';
import { age, clock, duration } from './format';

/** So long it is said how much was made up for. */
const FRESH_MS = 8_000;

/** The same small indicator everywhere: how good the connection is, and what it made up for. */
export function Connection(props: { info: ConnectionInfo; hurry: () => void }): JSX.Element {
  const { trans } = useEnv();
  const { info } = props;
  const { state } = info;
  const calm = state === 'live';
  const at = info.replayed?.at ?? 0;
  const now = useNow(!calm || Date.now() - at < FRESH_MS + 1_000); // until it is old to `now` too
  const fresh = now - at < FRESH_MS;
  const words: Record<string, string> = {
    connecting: trans.__('connecting'),
    'catching-up': trans.__('catching up, %1 of %2', n(info.offset), n(info.head)),
    live: trans.__('live'),
    lagging: trans.__('lagging'),
    reconnecting: trans.__('reconnecting'),
    offline: trans.__('offline'),
    denied: trans.__('signed out')
  };
  const since = info.quality ? now - (performance.timeOrigin + info.quality.since) : 0;
  const details = [
    words[state] ?? state,
    (calm || state === 'lagging') && info.quality?.rtt
      ? trans.__('round trip %1', duration(info.quality.rtt))
      : '',
    !calm && info.quality && info.quality.attempt > 0
      ? trans.__('attempt %1, for %2', info.quality.attempt, duration(Math.max(0, since)))
      : '',
    info.replayed
      ? trans.__('%1 missed and replayed at %2', n(info.replayed.missed), clock(info.replayed.at))
      : '',
    info.lost ? trans.__('a part of the history is gone') : '',
    info.problem ?? ''
  ].filter(Boolean);
  return (
    <button
      className={`sparky-connection sparky-connection-${state}`}
      title={details.join('\n')}
      aria-label={trans.__('Connection: %1', details.join(', '))}
      onClick={props.hurry}
    >
      <span className="sparky-dot" />
      {!calm && <span>{words[state] ?? state}</span>}
      {!calm && since > 3_000 && <span className="sparky-dim">{duration(since)}</span>}
      {calm && fresh && info.replayed && info.replayed.missed > 0 && (
        <span>{trans.__('%1 replayed', n(info.replayed.missed))}</span>
      )}
    </button>
  );
}

function n(value: number): string {
  return value.toLocaleString();
}

/** How long ago, kept true while it is shown. */
export function Age({ time }: { time: number }): JSX.Element {
  const now = useNow(Date.now() - time < 3_600_000);
  return <span title={new Date(time).toLocaleString()}>{age(time, now)}</span>;
}
