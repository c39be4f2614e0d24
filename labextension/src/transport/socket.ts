/**
 * One chat's socket: drives a Receiver with a WebSocket, a clock and the page's signals.
 *
 * The receiver decides, this does. No timer runs while the page is hidden but the one that waits to
 * reconnect; whatever went stale meanwhile is found out when the page is seen again.
 */

import type { IDisposable } from '@lumino/disposable';

import { Receiver } from '../stream/receiver';
import type { Start } from '../stream/start';
import type { Connection, Instruction, Stimulus } from '../stream/stimuli';
import type { Cursor, Event, Hello, ServerFrame } from '../wire/generated';
import type { PageSignals } from './page';
import type { Rest } from './rest';
import { ApiError } from './rest';

/** What a socket tells its owner. */
export interface SocketOwner {
  begin(hello: Hello, reset: boolean): void;
  deliver(epoch: string, events: Event[]): void;
  pass(frame: ServerFrame): void;
  connection(state: Connection): void;
  /** Take a snapshot, adopt it, and say where it is; null where that failed. */
  snapshot(): Promise<Cursor | null>;
  gaveUp(code: number, reason: string): void;
}

/** Numbers for the connection indicator. Milliseconds; times are of `performance.now()`. */
export interface Quality {
  attempt: number;
  since: number;
  rtt: number | null;
  /** A ping is waiting for its answer for so long that people should know. */
  slow: boolean;
}

const PROBE_MS = 15_000;
const SLOW_MS = 1_000;

export class ChatSocket implements IDisposable {
  readonly quality: Quality = { attempt: 0, since: performance.now(), rtt: null, slow: false };
  private readonly receiver: Receiver;
  private readonly pings = new Map<number, number>();
  private socket: WebSocket | null = null;
  private tickTimer: number | undefined;
  private slowTimer: number | undefined;
  private probeTimer: number | undefined;
  private probes = 0;
  private readonly unlisten: () => void;
  isDisposed = false;

  constructor(
    private readonly chatId: string,
    start: Start,
    private readonly rest: Rest,
    private readonly owner: SocketOwner,
    private readonly page: PageSignals
  ) {
    this.receiver = new Receiver(start, Math.random);
    this.unlisten = page.listen(signal => {
      if (signal === 'offline') {
        this.feed({ kind: 'offline' });
        this.feed({ kind: 'lost' }); // a new socket finds out at once whether the server is still near
      } else if (signal === 'online') {
        this.feed({ kind: 'online' });
      } else if (signal === 'wake') {
        this.feed({ kind: 'wake' });
        if (this.connection === 'live') {
          this.probe();
        }
      } else {
        window.clearTimeout(this.slowTimer);
        window.clearTimeout(this.probeTimer);
      }
      this.arm();
    });
  }

  get cursor(): Cursor | null {
    return this.receiver.cursor;
  }

  get connection(): Connection {
    return this.receiver.connection;
  }

  open(): void {
    this.feed({ kind: 'open' });
  }

  /** Connect now rather than later: a person asked for it. */
  hurry(): void {
    const idle = this.connection === 'denied';
    this.feed(idle ? { kind: 'open' } : { kind: 'wake' });
  }

  send(frame: object): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) {
      return false;
    }
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isDisposed = true;
    this.unlisten();
    this.feed({ kind: 'stop' });
    this.abandon();
    window.clearTimeout(this.tickTimer);
    window.clearTimeout(this.probeTimer);
  }

  private feed(stimulus: Stimulus): void {
    if (this.isDisposed && stimulus.kind !== 'stop') {
      return;
    }
    for (const instruction of this.receiver.handle(performance.now(), stimulus)) {
      this.perform(instruction);
    }
    this.arm();
  }

  private perform(step: Instruction): void {
    switch (step.do) {
      case 'connect':
        this.abandon();
        return this.connect(step.query);
      case 'reconnect':
      case 'abandon':
        return this.abandon();
      case 'ping':
        return this.ping(step.n);
      case 'begin':
        return this.owner.begin(step.hello, step.reset);
      case 'deliver':
        return this.owner.deliver(step.epoch, step.events);
      case 'snapshot':
        void this.owner.snapshot().then(cursor => this.feed({ kind: 'snapshot', cursor }));
        return;
      case 'connection':
        this.quality.since = performance.now();
        if (step.state === 'live') {
          this.quality.attempt = 0;
          this.probe();
        }
        return this.owner.connection(step.state);
      case 'give_up':
        this.abandon();
        return this.owner.gaveUp(step.code, step.reason);
      case 'pass':
        return this.owner.pass(step.frame);
    }
  }

  private connect(query: Record<string, string>): void {
    this.quality.attempt += 1;
    let opened = false;
    const url = this.rest.socketUrl(this.chatId, query);
    const socket = new this.rest.settings.WebSocket(url, 'v1.sparky-nb');
    this.socket = socket;
    socket.onopen = () => (opened = true);
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      const frame = decode(data);
      if (frame?.t === 'pong') {
        this.ponged(frame.n);
      }
      this.feed({ kind: 'received', frame });
    };
    socket.onclose = ({ code }) => {
      if (opened) {
        this.feed({ kind: 'closed', code });
      } else {
        void this.explain();
      }
    };
  }

  /** A browser does not say why a handshake failed; the same question over HTTP does. */
  private async explain(): Promise<void> {
    const asked = this.socket;
    let status = 0;
    let retry = 0;
    try {
      await this.rest.events(this.chatId, { limit: 1 });
    } catch (error) {
      status = error instanceof ApiError ? error.status : 0;
      retry = error instanceof ApiError ? error.retryAfterMs : 0;
    }
    if (this.socket !== asked || this.isDisposed) {
      return;
    }
    this.feed(
      status === 401 || status === 403 || status === 404 || status === 429
        ? { kind: 'refused', status, retry_after_ms: retry }
        : { kind: 'lost' }
    );
  }

  private abandon(): void {
    window.clearTimeout(this.slowTimer);
    window.clearTimeout(this.probeTimer);
    this.pings.clear();
    this.quality.slow = false;
    const { socket } = this;
    this.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    }
  }

  /** The receiver's deadline, while somebody is looking. */
  private arm(): void {
    window.clearTimeout(this.tickTimer);
    const { deadline, phase } = this.receiver;
    if (deadline !== null && !this.isDisposed && (!this.page.hidden || phase === 'waiting')) {
      const wait = Math.max(0, deadline - performance.now()) + 5;
      this.tickTimer = window.setTimeout(() => this.feed({ kind: 'tick' }), wait);
    }
  }

  // -- round trips

  private probe(): void {
    window.clearTimeout(this.probeTimer);
    if (this.page.hidden || !this.socket) {
      return;
    }
    this.probes += 1;
    this.ping(1_000_000 + this.probes); // apart from the receiver's own numbers
    this.probeTimer = window.setTimeout(() => this.probe(), PROBE_MS);
  }

  private ping(n: number): void {
    if (this.send({ t: 'ping', n })) {
      this.pings.set(n, performance.now());
      window.clearTimeout(this.slowTimer);
      if (!this.page.hidden) {
        this.slowTimer = window.setTimeout(() => this.slow(true), SLOW_MS);
      }
    }
  }

  private ponged(n: number): void {
    const sent = this.pings.get(n);
    if (sent !== undefined) {
      window.clearTimeout(this.slowTimer);
      this.pings.clear();
      this.quality.rtt = performance.now() - sent;
      this.slow(false);
    }
  }

  private slow(slow: boolean): void {
    this.quality.slow = slow;
    this.owner.connection(this.connection);
  }
}

const KINDS = new Set(
  'hello events live heartbeat pong viewers result error bye'.split(' ')
) as ReadonlySet<string>;

/** A frame, or null where it is of no kind that is known here (P12). */
function decode(text: string): ServerFrame | null {
  const frame = JSON.parse(text) as ServerFrame | null;
  return frame && KINDS.has(frame.t) ? frame : null;
}
