/** What a receiver is told and what it tells to do (twin of sparky_nb/stream/stimuli.py). */

import type { Cursor, Event, Gap, Hello, ServerFrame } from '../wire/generated';

export type Connection =
  'connecting' | 'catching-up' | 'live' | 'lagging' | 'reconnecting' | 'offline' | 'denied';

export type Stimulus =
  /** Begin, or begin again after `give_up`. */
  | { kind: 'open' }
  /** A frame came; null where its kind is unknown. */
  | { kind: 'received'; frame: ServerFrame | null }
  /** The socket was closed with `code` (1006 where there was none). */
  | { kind: 'closed'; code: number }
  /** The handshake was answered with an HTTP status. */
  | { kind: 'refused'; status: number; retry_after_ms?: number }
  /** The socket failed, or could not be opened, or said what is no frame. */
  | { kind: 'lost' }
  /** The deadline is reached. */
  | { kind: 'tick' }
  /** The page became visible, or the machine woke. */
  | { kind: 'wake' }
  | { kind: 'offline' }
  | { kind: 'online' }
  /** The state at `cursor` has been taken; null: that failed. */
  | { kind: 'snapshot'; cursor: Cursor | null }
  /** The driver has closed the socket for good. */
  | { kind: 'stop' };

export type Instruction =
  /** Open a socket with this query. */
  | { do: 'connect'; query: Record<string, string> }
  /** Abandon the socket, without waiting for its close; `connect` follows at the deadline. */
  | { do: 'reconnect'; after_ms: number }
  | { do: 'abandon' }
  | { do: 'ping'; n: number }
  /** A connection begins; `reset`: forget what was built from events of another life. */
  | { do: 'begin'; hello: Hello; reset: boolean }
  /** Apply these events; the first has `offset`. */
  | { do: 'deliver'; epoch: string; offset: number; events: Event[] }
  /** Take a snapshot and tell its cursor: the one here can't be honoured. */
  | { do: 'snapshot'; gap: Gap }
  | { do: 'connection'; state: Connection }
  /** Trying again is of no use before something else has changed; the socket is abandoned. */
  | { do: 'give_up'; code: number; reason: string }
  /** A frame that is not of the stream itself: `viewers`, `result`, `error`. */
  | { do: 'pass'; frame: ServerFrame };
