/** All chats and tasks with their states: the `_index` stream on top of two lists. */

import type { IDisposable } from '@lumino/disposable';

import { Beat } from '../state/beat';
import type { Event } from '../state/model';
import { isEnded } from '../state/model';
import { shortTitle, textOf } from '../state/text';
import { NO_CHAT } from '../stream/close';
import type { Connection } from '../stream/stimuli';
import type { Cursor, Hello } from '../wire/generated';
import type { PageSignals } from './page';
import type { ChatRow, Rest, TaskRow } from './rest';
import { ApiError } from './rest';
import { Schedules } from './schedules';
import { ChatSocket } from './socket';
import type { ConnectionInfo } from './chat';

export const INDEX = '_index';
const TASKS = 200;
/** However long ago they began, what has not ended is listed. */
const ACTIVE = { state: 'queued,running,waiting', limit: 1_000 };
/** So many tasks that have ended are remembered, whatever the page has lived through. */
const ENDED = 400;
const EMPTY_MS = 3_000;
/** Lists that could not be read are asked for again, at most so much later than they may be. */
const AGAIN_MS = 5_000;

/** A task as the overview knows it. `actor`: who made its last move, where that is known. */
export type TaskItem = TaskRow & { actor?: string };

export type Move = { item: TaskItem; before: string | null };

export class Overview implements IDisposable {
  readonly beat: Beat;
  readonly tasks = new Map<string, TaskItem>();
  readonly chats = new Map<string, ChatRow>();
  readonly schedules: Schedules;
  private readonly socket: ChatSocket;
  private readonly moves = new Set<(move: Move) => void>();
  private readonly detailed = new Set<string>();
  private shown: Connection = 'connecting';
  private problem: string | null = null;
  private loaded = false;
  private loading: Promise<void> | null = null;
  private early: Event[] = [];
  private stale = true;
  /** The lists could not be read. */
  private unread = false;
  private replayed: ConnectionInfo['replayed'] = null;
  private hellos = 0;
  private head = 0;
  private timer: number | undefined;
  isDisposed = false;

  constructor(
    private readonly rest: Rest,
    private readonly page: PageSignals
  ) {
    this.beat = new Beat(page.drawing);
    this.schedules = new Schedules(rest, () => this.beat.touch());
    page.listen(signal => {
      if (signal === 'wake') {
        this.socket.open();
        if (this.unread) {
          void this.reload();
        }
      } else if (signal === 'hidden') {
        window.clearTimeout(this.timer);
      }
    });
    const owner = {
      begin: (hello: Hello) => this.begin(hello),
      deliver: (_epoch: string, events: Event[]) => this.deliver(events),
      pass: () => undefined,
      connection: (state: Connection) => {
        this.shown = state;
        this.beat.touch();
      },
      snapshot: () => this.restart(),
      gaveUp: (code: number, reason: string) => {
        if (code === NO_CHAT) {
          this.again(); // a log in which nothing has happened yet has no overview either
        } else {
          this.problem = reason;
        }
        this.beat.touch();
      }
    };
    this.socket = new ChatSocket(INDEX, { now: true }, rest, owner, page);
  }

  open(): void {
    this.socket.open();
  }

  hurry(): void {
    this.socket.hurry();
  }

  /** A chat's name as people know it. */
  titleOf(chatId: string): string {
    const title = this.chats.get(chatId)?.title;
    return title ? shortTitle(title) : chatId;
  }

  get ready(): boolean {
    return this.loaded;
  }

  get info(): ConnectionInfo {
    const { quality } = this.socket;
    return {
      state: this.shown === 'live' && quality.slow ? 'lagging' : this.shown,
      offset: this.socket.cursor?.offset ?? 0,
      head: Math.max(this.head, this.socket.cursor?.offset ?? 0),
      quality,
      replayed: this.replayed,
      lost: null,
      problem: this.problem
    };
  }

  /** Tasks in the order in which people look for them. */
  list(): TaskItem[] {
    return [...this.tasks.values()].sort(inOrder);
  }

  /** How many tasks have not ended. */
  get active(): number {
    return [...this.tasks.values()].filter(task => !isEnded(task.state)).length;
  }

  /** Told of each move of a task. */
  onMove(listener: (move: Move) => void): () => void {
    this.moves.add(listener);
    return () => this.moves.delete(listener);
  }

  /** Read both lists again. */
  reload(): Promise<void> {
    this.loading ??= this.load().finally(() => (this.loading = null));
    return this.loading;
  }

  dispose(): void {
    this.isDisposed = true;
    window.clearTimeout(this.timer);
    this.socket.dispose();
    this.beat.dispose();
  }

  private begin(hello: Hello): void {
    this.problem = null;
    this.head = hello.head;
    if (this.hellos > 0 && hello.recovered) {
      this.replayed = { missed: hello.missed, at: Date.now() };
    }
    this.hellos += 1;
    if (this.stale || !hello.recovered) {
      this.stale = false;
      void this.reload();
    }
  }

  private again(): void {
    this.loaded = true;
    window.clearTimeout(this.timer);
    if (!this.page.hidden) {
      this.timer = window.setTimeout(() => this.socket.open(), EMPTY_MS);
    }
  }

  /** What moved in between is read from the lists once the stream is open again. */
  private async restart(): Promise<Cursor | null> {
    this.stale = true;
    try {
      const { epoch, head } = await this.rest.events(INDEX, { limit: 1 });
      return { epoch, offset: head };
    } catch {
      return null; // the receiver waits and asks again
    }
  }

  private async load(): Promise<void> {
    this.loaded = false;
    try {
      const [chats, newest, active, schedules] = await Promise.all([
        this.rest.chats(),
        this.rest.tasks({ limit: TASKS }),
        this.rest.tasks(ACTIVE),
        this.rest.schedules().catch((error: unknown) => void this.fails(error)) // the rest goes without
      ]);
      this.schedules.adopt(schedules ?? []);
      this.chats.clear();
      chats.forEach(chat => this.chats.set(chat.chat_id, chat));
      this.adopt([...active, ...newest]);
      this.loaded = true;
      this.unread = false;
      this.problem = schedules ? null : this.problem;
      this.deliver(this.early.splice(0));
    } catch (error) {
      this.stale = true;
      const refused = this.fails(error);
      this.unread = true;
      if (refused.status !== 401 && refused.status !== 403) {
        this.later(refused.retryAfterMs);
      }
    }
    this.beat.touch();
  }

  private fails(error: unknown): ApiError {
    const known = error instanceof ApiError ? error : new ApiError(0, 'internal', String(error));
    this.problem = known.message;
    return known;
  }

  /** The stream may be open all the while: it says nothing of lists that could not be read. */
  private later(waitMs: number): void {
    window.clearTimeout(this.timer);
    if (!this.page.hidden && !this.isDisposed) {
      const ms = waitMs + AGAIN_MS * (0.5 + Math.random() / 2);
      this.timer = window.setTimeout(() => void this.reload(), ms);
    }
  }

  /** The list is all there is; what it says of moves that the stream has not told is news. */
  private adopt(rows: TaskRow[]): void {
    const known = new Map(this.tasks);
    this.tasks.clear();
    this.detailed.clear();
    for (const row of rows) {
      const before = known.get(row.task_id);
      if (isEnded(this.tasks.get(row.task_id)?.state)) {
        continue; // the lists were not read in the same moment
      }
      const same = before?.state === row.state;
      const item: TaskItem = same && before.actor ? { ...row, actor: before.actor } : row;
      this.tasks.set(row.task_id, item);
      this.detailed.add(row.task_id);
      if (before && !same) {
        this.tell({ item, before: before.state });
      }
    }
  }

  private tell(move: Move): void {
    this.moves.forEach(listener => listener(move));
  }

  private deliver(events: Event[]): void {
    if (!this.loaded) {
      this.early.push(...events); // applied on top of the lists
      return;
    }
    for (const event of events) {
      if (event.type === 'status' && event.task_id) {
        this.status(event, event.task_id);
      } else if (event.type === 'chat') {
        this.chat(event);
      } else if (event.type === 'schedule') {
        this.schedules.apply(event);
      }
    }
    this.beat.touch();
  }

  private status(event: Event, taskId: string): void {
    const { data, time } = event;
    const known = this.tasks.get(taskId);
    const state = textOf(data['state']);
    if (known && isEnded(known.state) && !isEnded(state)) {
      return; // the list was read after that: what has ended stays ended
    }
    const item: TaskItem = {
      ...(known ?? blank(taskId, time)),
      chat_id: textOf(data['chat_id'], known?.chat_id),
      state,
      actor: event.actor
    };
    if (typeof data['name'] === 'string') {
      item.name = data['name'];
    }
    if (typeof data['kind'] === 'string') {
      item.kind = data['kind'];
    }
    if (state === 'running') {
      item.started ??= time;
    }
    item.ended = isEnded(state) ? (item.ended ?? time) : null;
    this.tasks.set(taskId, item);
    const chat = this.chats.get(item.chat_id);
    if (chat) {
      chat.updated = Math.max(chat.updated, time);
    }
    if (isEnded(state)) {
      this.forgetOldest();
    }
    if (!this.detailed.has(taskId)) {
      this.detailed.add(taskId);
      void this.detail(taskId);
    }
    this.tell({ item, before: known?.state ?? null });
  }

  /** Of the tasks that have ended keep those that were created last. */
  private forgetOldest(): void {
    const ended = [...this.tasks.values()].filter(task => isEnded(task.state));
    if (ended.length > ENDED + TASKS) {
      ended.sort((a, b) => a.created - b.created);
      for (const task of ended.slice(0, -ENDED)) {
        this.tasks.delete(task.task_id);
        this.detailed.delete(task.task_id);
      }
    }
  }

  /** What a digest does not say: where the task came from. Asked once for each new task. */
  private async detail(taskId: string): Promise<void> {
    try {
      const row = await this.rest.task(taskId);
      const now = this.tasks.get(taskId);
      if (!now) {
        return; // deleted meanwhile
      }
      // Digests may have overtaken the answer: what they say of the state is the newest there is.
      const { state, actor, ended } = now;
      const started = row.started ?? now.started;
      const item: TaskItem = { ...row, state, started, ended, ...(actor ? { actor } : {}) };
      this.tasks.set(taskId, item);
      this.beat.touch();
    } catch {
      this.detailed.delete(taskId); // gone already, or unreachable: the next digest asks again
    }
  }

  private chat(event: Event): void {
    const chatId = textOf(event.data['chat_id']);
    if (event.data['change'] === 'deleted') {
      this.chats.delete(chatId);
      this.schedules.forgetChat(chatId);
      for (const task of this.tasks.values()) {
        if (task.chat_id === chatId) {
          this.tasks.delete(task.task_id);
        }
      }
      return;
    }
    const title = typeof event.data['title'] === 'string' ? event.data['title'] : null;
    const known = this.chats.get(chatId);
    const fresh = { chat_id: chatId, head: 0, updated: event.time, tasks: {} };
    this.chats.set(chatId, { ...(known ?? fresh), title });
  }
}

/** Those that have not ended first, the newest at the top; then those that ended last. */
export function inOrder(a: TaskItem, b: TaskItem): number {
  const [endedA, endedB] = [a, b].map(task => isEnded(task.state));
  if (endedA !== endedB) {
    return endedA ? 1 : -1;
  }
  const at = (task: TaskItem): number => (endedA ? (task.ended ?? task.created) : task.created);
  return at(b) - at(a) || (b.first ?? 0) - (a.first ?? 0);
}

/** Whether nothing is left of a task but how it ended: its record was deleted. */
export function isRecordGone(task: TaskItem): boolean {
  const { name, instruction, progress } = task;
  return isEnded(task.state) && [name, instruction, progress].every(what => what === null);
}

function blank(taskId: string, time: number): TaskItem {
  return {
    task_id: taskId,
    chat_id: '',
    name: null,
    kind: '',
    state: 'queued',
    attempt: 1,
    progress: null,
    created: time,
    started: null,
    ended: null,
    error: null,
    origin: null
  };
}
