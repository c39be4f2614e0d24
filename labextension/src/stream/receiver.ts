/**
 * A client's end of a stream as a state machine without I/O (protocol.md §3).
 *
 * The exact twin of sparky_nb/stream/receiver.py, which states the rules; both run
 * tests/wire/cases/receiver. A change here is a change there.
 */

import type { Bye, Cursor, EventsFrame, Hello, ServerFrame } from '../wire/generated';
import { backoff } from './backoff';
import { BAD_PROTOCOL, FORBIDDEN, isDenied, mayReconnect, SIGNED_OUT } from './close';
import type { Start } from './start';
import { queryOf } from './start';
import type { Connection, Instruction, Stimulus } from './stimuli';

export const VERSION = 1;
export const HEARTBEAT_MS = 15_000;
export const PONG_MS = 3_000;
export const CONNECT_MS = 15_000;
export const SILENCE = 2.5;

export type Phase = 'idle' | 'waiting' | 'opening' | 'open' | 'snapshot';

export class Receiver {
  connection: Connection = 'connecting';
  cursor: Cursor | null = null;
  phase: Phase = 'idle';
  private failures = 0;
  private offline = false;
  private greeted = false;
  private live = false;
  /** Behind, at the last heartbeat, with nothing since. */
  private stuck = false;
  private head = 0;
  private silenceMs = HEARTBEAT_MS * SILENCE;
  private pings = 0;
  /** Of the phase: until when to wait, or until when to hear something. */
  private due = 0;
  /** The server asked for it. */
  private notBefore = 0;
  private pongDue: number | null = null;

  /** @param random gives numbers in [0, 1), for jitter. */
  constructor(
    private readonly start: Start,
    private readonly random: () => number
  ) {
    if (typeof start.epoch === 'string') {
      this.cursor = { epoch: start.epoch, offset: start.offset ?? 0 };
    }
  }

  /** When to feed `tick`, in the milliseconds of `now`; null: not at all. */
  get deadline(): number | null {
    if (this.phase === 'idle' || this.phase === 'snapshot') {
      return null;
    }
    return this.pongDue === null ? this.due : Math.min(this.due, this.pongDue);
  }

  /** What to do about `told`, which came at `now` (milliseconds that only grow). */
  handle(now: number, told: Stimulus): Instruction[] {
    const hasSocket = this.phase === 'opening' || this.phase === 'open';
    switch (told.kind) {
      case 'open':
        return this.phase === 'idle' ? this.begin(now) : [];
      case 'received':
        return hasSocket ? this.frame(now, told.frame) : [];
      case 'closed':
        return hasSocket ? this.closed(now, told.code) : [];
      case 'refused':
        return hasSocket ? this.refused(now, told.status, told.retry_after_ms ?? 0) : [];
      case 'lost':
        return hasSocket ? this.retry(now) : [];
      case 'tick':
        return this.tick(now);
      case 'wake':
        return this.wake(now);
      case 'offline':
        this.offline = true;
        return this.phase === 'waiting' || this.phase === 'opening' ? this.show('offline') : [];
      case 'online':
        this.offline = false;
        return this.wake(now);
      case 'snapshot':
        return this.phase === 'snapshot' ? this.snapshotTaken(now, told.cursor) : [];
      case 'stop':
        this.forget('idle');
        return [];
    }
  }

  // -- the socket

  private begin(now: number): Instruction[] {
    this.failures = 0;
    return [...this.show('connecting'), ...this.connect(now)];
  }

  private connect(now: number): Instruction[] {
    this.phase = 'opening';
    this.due = now + CONNECT_MS;
    const go_on = this.start.go_on ?? false;
    const start = this.cursor ? { ...this.cursor, go_on } : this.start;
    return [{ do: 'connect', query: queryOf(start) }];
  }

  private retry(now: number, retryAfterMs = 0): Instruction[] {
    this.forget('waiting');
    const after_ms = retryAfterMs + backoff(this.failures, this.random());
    this.failures += 1;
    this.notBefore = now + retryAfterMs;
    this.due = now + after_ms;
    return [{ do: 'reconnect', after_ms }, ...this.show(this.offline ? 'offline' : 'reconnecting')];
  }

  private closed(now: number, code: number): Instruction[] {
    return mayReconnect(code)
      ? this.retry(now)
      : this.giveUp(code, 'the server closed the connection');
  }

  private refused(now: number, status: number, retryAfterMs: number): Instruction[] {
    const why = `refused with HTTP ${status}`;
    switch (status) {
      case 401:
        return this.giveUp(SIGNED_OUT, why);
      case 403:
        return this.giveUp(FORBIDDEN, why);
      case 400:
      case 404:
        return this.giveUp(BAD_PROTOCOL, why);
      default:
        return this.retry(now, retryAfterMs);
    }
  }

  private tick(now: number): Instruction[] {
    const { deadline } = this;
    if (deadline === null || now < deadline) {
      return [];
    }
    return this.phase === 'waiting' ? this.connect(now) : this.retry(now);
  }

  /** The page woke, became visible, or the network is back. */
  private wake(now: number): Instruction[] {
    if (this.phase === 'waiting' && now >= this.notBefore) {
      const shown = this.show(this.offline ? 'offline' : 'reconnecting');
      return [...shown, ...this.connect(now)];
    }
    if (this.phase === 'open' && this.pongDue === null) {
      this.pings += 1;
      this.pongDue = now + PONG_MS;
      return [{ do: 'ping', n: this.pings }];
    }
    return [];
  }

  // -- frames

  private frame(now: number, frame: ServerFrame | null): Instruction[] {
    this.phase = 'open';
    this.due = now + this.silenceMs;
    if (frame === null) {
      return [];
    }
    switch (frame.t) {
      case 'hello':
        return this.hello(now, frame);
      case 'events':
        return this.events(now, frame);
      case 'live':
        return this.onLive(now, frame.offset);
      case 'heartbeat':
        return this.heartbeat(now, frame.head);
      case 'pong':
        if (frame.n === this.pings) {
          this.pongDue = null;
        }
        return [];
      case 'bye':
        return this.bye(now, frame);
      default:
        return [{ do: 'pass', frame }];
    }
  }

  private hello(now: number, hello: Hello): Instruction[] {
    if (hello.v !== VERSION) {
      return this.giveUp(BAD_PROTOCOL, `the server speaks version ${hello.v}`);
    }
    this.head = hello.head;
    this.silenceMs = hello.heartbeat_ms * SILENCE;
    this.due = now + this.silenceMs;
    if (hello.gap !== null && this.cursor !== null && !this.start.go_on) {
      return []; // a bye follows; the cursor stays until there is a snapshot
    }
    this.greeted = true;
    this.cursor = { epoch: hello.epoch, offset: hello.next - 1 };
    const reset = hello.gap !== null && hello.gap.reason !== 'trimmed';
    return [{ do: 'begin', hello, reset }, ...this.show('catching-up')];
  }

  private events(now: number, frame: EventsFrame): Instruction[] {
    if (!this.greeted || this.cursor === null) {
      return this.retry(now);
    }
    const wanted = this.cursor.offset + 1;
    const last = frame.offset + frame.events.length - 1;
    if (frame.offset > wanted) {
      return this.retry(now);
    }
    if (last < wanted) {
      return [];
    }
    this.cursor = { ...this.cursor, offset: last };
    this.head = Math.max(this.head, last);
    this.failures = 0;
    this.stuck = false;
    const events = frame.events.slice(wanted - frame.offset);
    const epoch = String(this.cursor.epoch);
    return [{ do: 'deliver', epoch, offset: wanted, events }, ...this.showPlace()];
  }

  private onLive(now: number, offset: number): Instruction[] {
    if (this.cursor === null || offset > this.cursor.offset) {
      return this.retry(now); // it was sent, and is not here
    }
    this.live = true;
    this.failures = 0;
    return this.showPlace();
  }

  private heartbeat(now: number, head: number): Instruction[] {
    this.head = Math.max(this.head, head);
    const stuck = this.stuck;
    this.stuck = this.live && this.behind;
    return stuck && this.stuck ? this.retry(now) : this.showPlace();
  }

  private bye(now: number, bye: Bye): Instruction[] {
    if (!bye.reconnect) {
      return this.giveUp(bye.code, bye.reason);
    }
    if (bye.gap !== undefined && !this.start.go_on) {
      this.forget('snapshot');
      return [{ do: 'abandon' }, ...this.show('reconnecting'), { do: 'snapshot', gap: bye.gap }];
    }
    return this.retry(now, bye.retry_after_ms ?? 0);
  }

  private snapshotTaken(now: number, cursor: Cursor | null): Instruction[] {
    if (cursor === null) {
      return this.retry(now);
    }
    this.cursor = cursor;
    return this.connect(now);
  }

  // -- inside

  /** The socket is of no interest any more. */
  private forget(phase: 'idle' | 'waiting' | 'snapshot'): void {
    this.phase = phase;
    this.greeted = false;
    this.live = false;
    this.stuck = false;
    this.pongDue = null;
  }

  private giveUp(code: number, reason: string): Instruction[] {
    this.forget('idle');
    return [{ do: 'give_up', code, reason }, ...(isDenied(code) ? this.show('denied') : [])];
  }

  private showPlace(): Instruction[] {
    if (!this.greeted) {
      return [];
    }
    if (!this.live) {
      return this.show('catching-up');
    }
    return this.show(this.behind ? 'lagging' : 'live');
  }

  private get behind(): boolean {
    return this.cursor !== null && this.head > this.cursor.offset;
  }

  private show(state: Connection): Instruction[] {
    if (state === this.connection) {
      return [];
    }
    this.connection = state;
    return [{ do: 'connection', state }];
  }
}
