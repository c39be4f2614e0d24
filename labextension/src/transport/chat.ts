/** One chat as this page knows it: its folded state, kept live over one socket. */

import type { IDisposable } from '@lumino/disposable';

import { Beat } from '../state/beat';
import { Fold, LIMITS } from '../state/fold';
import type { Event, State } from '../state/model';
import { join } from '../state/seam';
import { NO_CHAT } from '../stream/close';
import type { Connection } from '../stream/stimuli';
import type { Cursor, Hello, ServerFrame, ViewerInfo } from '../wire/generated';
import type { PageSignals } from './page';
import type { EventPage, Rest } from './rest';
import { ApiError } from './rest';
import type { Quality, SocketOwner } from './socket';
import { ChatSocket } from './socket';

/** A view may hold more of the timeline than a stored snapshot does. */
const VIEW_LIMITS = { ...LIMITS, timeline: 4_000 };
/** While somebody reads back nothing is taken away before his eyes, up to here. */
const HELD = 20_000;
const PAGE_EVENTS = 1_000;

/** What a person may know about the connection. */
export interface ConnectionInfo {
  state: Connection;
  offset: number;
  head: number;
  quality: Quality | null;
  /** At the last reconnection: how many events were missed and came again, and when (ms UTC). */
  replayed: { missed: number; at: number } | null;
  /** A part of the history that this view will never have, if any. */
  lost: string | null;
  problem: string | null;
}

export class Chat implements IDisposable, SocketOwner {
  readonly beat: Beat;
  private fold = new Fold(undefined, VIEW_LIMITS);
  private socket: ChatSocket | null = null;
  private head = 0;
  private offset = 0;
  /** Which life of the chat this is; empty before anything is known. */
  epoch = '';
  private earliest = 1;
  private lowest = Infinity;
  private older: Promise<void> | null = null;
  private replayed: ConnectionInfo['replayed'] = null;
  private lost: string | null = null;
  private problem: string | null = null;
  private shown: Connection = 'connecting';
  private opening: Promise<void> | null = null;
  private retryTimer: number | undefined;
  private failures = 0;
  private holders = 0;
  private readonly unlisten: () => void;
  viewers: ViewerInfo[] = [];
  viewerCount = 0;
  viewer: string | null = null;
  /** The chat does not exist (yet, or any more). */
  missing = false;
  isDisposed = false;

  constructor(
    readonly chatId: string,
    private readonly rest: Rest,
    private readonly page: PageSignals
  ) {
    this.beat = new Beat(page.drawing);
    this.unlisten = page.listen(signal => {
      if ((signal === 'wake' || signal === 'online') && !this.socket) {
        this.open();
      }
      if (signal === 'offline' && !this.socket) {
        this.connection('offline');
      }
    });
  }

  get state(): State {
    return this.fold.state;
  }

  /** Whether there is history that has not been loaded. */
  get hasOlder(): boolean {
    return this.lowest > this.earliest && this.lowest !== Infinity && this.lowest > 1;
  }

  /** The offset from which on the timeline is whole. */
  get wholeFrom(): number {
    return this.lowest;
  }

  get info(): ConnectionInfo {
    const quality = this.socket?.quality ?? null;
    return {
      state: this.shown === 'live' && quality?.slow ? 'lagging' : this.shown,
      offset: this.offset,
      head: Math.max(this.head, this.offset),
      quality,
      replayed: this.replayed,
      lost: this.lost,
      problem: this.problem
    };
  }

  /** Take a snapshot and connect; safe to call again. */
  open(): void {
    window.clearTimeout(this.retryTimer);
    this.opening ??= this.start().finally(() => (this.opening = null));
  }

  /** A person asks to connect now. */
  hurry(): void {
    if (this.socket) {
      this.socket.hurry();
    } else {
      this.open();
    }
  }

  /**
   * Somebody reads back: the timeline keeps its beginning, until the function that this returns is
   * called. Then only the newest part stays; what is older can be loaded again.
   */
  readonly hold = (): (() => void) => {
    this.holders += 1;
    this.bound();
    return () => {
      this.holders -= 1;
      this.bound();
      this.beat.touch();
    };
  };

  /** Load a page of older history into the timeline. */
  loadOlder(): Promise<void> {
    this.older ??= this.fetchOlder().finally(() => (this.older = null));
    return this.older;
  }

  /** A page of events before an offset; null where nobody can use it any more. */
  readonly earlier = async (before: number): Promise<EventPage | null> => {
    const page = await this.rest.events(this.chatId, { before, limit: PAGE_EVENTS });
    return page.epoch === this.epoch && !this.isDisposed ? page : null;
  };

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isDisposed = true;
    this.unlisten();
    window.clearTimeout(this.retryTimer);
    this.socket?.dispose();
    this.beat.dispose();
  }

  // -- what the socket says

  begin(hello: Hello, reset: boolean): void {
    if (reset) {
      this.adopt(new Fold(undefined, VIEW_LIMITS), hello.epoch, hello.next - 1);
    }
    if (this.viewer !== null && hello.recovered) {
      this.replayed = { missed: hello.missed, at: Date.now() };
    }
    this.epoch = hello.epoch;
    this.viewer = hello.viewer;
    this.head = hello.head;
    this.earliest = hello.earliest;
    this.problem = null;
    this.beat.touch();
  }

  deliver(_epoch: string, events: Event[]): void {
    const { state } = this.fold;
    const dropped = state.dropped;
    for (const event of events) {
      this.fold.apply(event);
    }
    this.offset = events[events.length - 1]?.offset ?? this.offset;
    this.lowest = Math.min(this.lowest, events[0]?.offset ?? Infinity);
    this.lowestAfter(dropped);
    this.beat.touch();
  }

  pass(frame: ServerFrame): void {
    if (frame.t === 'viewers') {
      this.viewers = frame.viewers;
      this.viewerCount = frame.count;
      this.beat.touch();
    }
  }

  connection(state: Connection): void {
    this.shown = state;
    if (state !== 'live' && state !== 'catching-up' && state !== 'lagging') {
      this.viewers = [];
      this.viewerCount = 0;
    }
    this.beat.touch();
  }

  async snapshot(): Promise<Cursor | null> {
    try {
      const before = this.offset;
      const { epoch, offset, state } = await this.rest.snapshot(this.chatId);
      if (this.epoch && epoch !== this.epoch) {
        this.lost = 'epoch';
      } else if (this.epoch && offset > before) {
        this.replayed = { missed: offset - before, at: Date.now() };
      }
      this.adopt(new Fold(state, VIEW_LIMITS), epoch, offset);
      return { epoch, offset };
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  gaveUp(code: number, reason: string): void {
    this.socket?.dispose();
    this.socket = null;
    this.problem = reason;
    if (code === NO_CHAT) {
      this.missing = true;
    }
    this.beat.touch();
  }

  // -- inside

  private async start(): Promise<void> {
    if (this.socket || this.isDisposed) {
      return;
    }
    try {
      const { epoch, offset, state } = await this.rest.snapshot(this.chatId);
      if (this.isDisposed) {
        return;
      }
      this.missing = false;
      this.failures = 0;
      this.problem = null;
      this.adopt(new Fold(state, VIEW_LIMITS), epoch, offset);
      this.socket = new ChatSocket(this.chatId, { epoch, offset }, this.rest, this, this.page);
      this.socket.open();
    } catch (error) {
      if (this.isDisposed) {
        return;
      }
      this.refused(error instanceof ApiError ? error : new ApiError(0, 'internal', String(error)));
    }
  }

  private refused(error: ApiError): void {
    this.problem = error.message;
    if (error.status === 404) {
      this.missing = true; // whoever owns this opens it again when the overview tells of the chat
      this.connection('connecting');
      return;
    }
    if (error.status === 401 || error.status === 403) {
      this.connection('denied');
      return;
    }
    this.connection(navigator.onLine ? 'reconnecting' : 'offline');
    const wait = error.retryAfterMs + Math.min(10_000, 250 * 2 ** this.failures) * Math.random();
    this.failures = Math.min(this.failures + 1, 10);
    this.retryTimer = window.setTimeout(() => this.open(), wait);
  }

  private adopt(fold: Fold, epoch: string, offset: number): void {
    this.fold = fold;
    this.bound();
    this.epoch = epoch;
    this.offset = offset;
    this.head = Math.max(offset, epoch === this.epoch ? this.head : 0);
    this.lowest = fold.state.timeline[0]?.offset ?? offset + 1;
    this.beat.touch();
  }

  /** What a reader has loaded himself stays while he reads, and what comes meanwhile finds room. */
  private bound(): void {
    const { dropped, timeline } = this.fold.state;
    const own = timeline.length + VIEW_LIMITS.timeline;
    this.fold.bound(this.holders > 0 ? Math.max(HELD, own) : VIEW_LIMITS.timeline);
    this.lowestAfter(dropped);
  }

  /** Where something was dropped, the timeline begins later. */
  private lowestAfter(dropped: number): void {
    const { state } = this.fold;
    if (state.dropped !== dropped) {
      this.lowest = state.timeline[0]?.offset ?? this.lowest;
    }
  }

  private async fetchOlder(): Promise<void> {
    if (!this.hasOlder) {
      return;
    }
    const before = this.lowest;
    const page = await this.earlier(before);
    if (page === null || this.lowest !== before) {
      return; // the world moved on meanwhile
    }
    this.earliest = page.earliest;
    const older = new Fold(undefined, { ...VIEW_LIMITS, timeline: PAGE_EVENTS });
    page.events.forEach(event => older.apply(event));
    this.fold.prepend(entries => join(older.state.timeline, entries));
    this.lowest = page.events[0]?.offset ?? this.earliest;
    this.bound();
    this.beat.touch();
  }
}
