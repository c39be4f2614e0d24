/**
 * The reducer: events → the state that every view draws (P9).
 *
 * The exact twin of sparky_nb/events/fold.py; both run the cases in tests/wire/cases/fold. A change
 * here is a change there. Lengths of text are counted in code points.
 */

import type { Bar, Entry, Event, Json, Limits, State, Task } from './model';
import { TERMINAL } from './model';
import { redactEntry } from './redact';
import { fits, isObject } from './shapes';
import { attemptOf, beginAttempt, newTask, TASK_FIELDS, TASK_TEXT } from './task';
import { codePoints, textOf } from './text';

export const FOLD_VERSION = 1;

/** The bounds of the Python side; only a view that wants a longer timeline passes others. */
export const LIMITS: Limits = { timeline: 200, endedTasks: 200, text: 20_000 };

/** The state of a chat of which nothing is known. */
export function newState(): State {
  return {
    v: FOLD_VERSION,
    title: null,
    chats: dict(),
    tasks: dict(),
    questions: dict(),
    counters: dict(),
    timeline: [],
    dropped: 0
  };
}

/** A state and what is needed to move it on. The state given is adopted and changed in place. */
export class Fold {
  readonly state: State;
  private readonly byKey = new Map<string, Entry>();
  private readonly lastOfTask = new Map<string | null, Entry>();

  constructor(
    state: State = newState(),
    private limits: Limits = LIMITS
  ) {
    this.state = adopt(state);
    this.state.timeline.forEach(entry => this.index(entry));
  }

  /** Move the state on by `event`. Unknown types become plain entries (P12). */
  apply(event: Event): void {
    const { counters, tasks } = this.state;
    counters[event.type] = (counters[event.type] ?? 0) + 1;
    const task = tasks[event.task_id ?? ''];
    if (task) {
      task.last = event.offset;
    }
    if (!fits(event)) {
      return this.plain(event);
    }
    switch (event.type) {
      case 'status':
        return this.status(event);
      case 'progress':
        return this.progress(event);
      case 'thought':
      case 'message_sent':
        return this.text(event);
      case 'output':
        return 'mime' in event.data ? this.plain(event) : this.text(event);
      case 'message_received':
        return this.messageReceived(event);
      case 'tool_result':
        return this.toolResult(event);
      case 'question':
        return this.question(event);
      case 'command':
        return this.command(event);
      case 'chat':
        return this.chat(event);
      case 'redaction':
        return this.redaction(event);
      case 'redacted':
      case 'hidden':
        return; // tombstones and hidden places only count
      default:
        return this.plain(event);
    }
  }

  /** From now on keep so many entries (views; nothing of this in Python). */
  bound(timeline: number): void {
    this.limits = { ...this.limits, timeline };
    this.shed();
  }

  /** Put older entries in front (a view's history; nothing of this in Python). */
  prepend(join: (newer: Entry[]) => Entry[]): void {
    this.state.timeline = join(this.state.timeline);
    this.byKey.clear();
    this.lastOfTask.clear();
    this.state.timeline.forEach(entry => this.index(entry));
  }

  // -- the timeline

  private add(event: Event, data: Json): Entry {
    const { offset, type, time, task_id, actor } = event;
    const entry: Entry = { offset, last: offset, type, time, task_id, actor, data };
    const { timeline } = this.state;
    timeline.push(entry);
    this.index(entry);
    this.shed();
    return entry;
  }

  /** Drop the oldest entries that are too many. */
  private shed(): void {
    const { timeline } = this.state;
    while (timeline.length > this.limits.timeline) {
      this.forget(timeline.shift() as Entry);
      this.state.dropped += 1;
    }
  }

  private index(entry: Entry): void {
    this.lastOfTask.set(entry.task_id, entry);
    const key = keyOf(entry);
    if (key !== null) {
      this.byKey.set(key, entry);
    }
  }

  private forget(entry: Entry): void {
    if (this.lastOfTask.get(entry.task_id) === entry) {
      this.lastOfTask.delete(entry.task_id);
    }
    const key = keyOf(entry);
    if (key !== null && this.byKey.get(key) === entry) {
      this.byKey.delete(key);
    }
  }

  private plain(event: Event): void {
    this.add(event, event.data);
  }

  private text(event: Event): void {
    const { text: given, ...data } = event.data;
    const text = textOf(given);
    const entry = this.sameText(event) ?? this.add(event, data);
    const pieces = (entry.pieces ??= []);
    let chars = (entry.chars ?? 0) + codePoints(text);
    Object.assign(entry.data, data);
    entry.last = event.offset;
    pieces.push([event.offset, text]);
    while (chars > this.limits.text && pieces.length > 1) {
      chars -= codePoints((pieces.shift() as [number, string])[1]);
      entry.cut = true;
    }
    entry.chars = chars;
  }

  /** The entry that the text of `event` continues. */
  private sameText(event: Event): Entry | undefined {
    if (event.type === 'output') {
      const last = this.lastOfTask.get(event.task_id);
      const stream = event.data.stream;
      if (last?.type !== 'output' || (stream !== 'stdout' && stream !== 'stderr')) {
        return undefined;
      }
      return last.data.stream === stream && last.pieces ? last : undefined;
    }
    const entry = this.byKey.get(key(event.type, event.task_id, event.data.message_id));
    return entry?.pieces ? entry : undefined; // one whose first event was odd is left alone
  }

  // -- tasks

  private status(event: Event): void {
    const { tasks } = this.state;
    const { data } = event;
    if (event.task_id === null) {
      return this.plain(event);
    }
    const taskId = event.task_id;
    const task: Task = (tasks[taskId] ??= newTask(event));
    const attempt = attemptOf(data);
    if (attempt > task.attempt) {
      beginAttempt(task, attempt);
      this.closeQuestions(event.task_id);
    }
    for (const name of TASK_FIELDS) {
      if (name in data) {
        (task as Json)[name] = data[name];
        if (TASK_TEXT.has(name)) {
          task.sources[name] = event.offset;
        }
      }
    }
    task.state = textOf(data.state);
    if (TERMINAL.has(task.state ?? '')) {
      task.ended = event.time;
      task.cancelling = false;
      this.closeQuestions(event.task_id);
      this.dropOldestEnded();
    } else if (task.state !== 'queued' && task.started === null) {
      task.started = event.time;
    }
    this.plain(event);
  }

  /** Of the tasks that have ended keep those that began last. */
  private dropOldestEnded(): void {
    const { tasks } = this.state;
    const ended = Object.keys(tasks).filter(id => TERMINAL.has(tasks[id]?.state ?? ''));
    for (const taskId of ended.slice(0, Math.max(0, ended.length - this.limits.endedTasks))) {
      delete tasks[taskId];
    }
  }

  private closeQuestions(taskId: string | null): void {
    for (const [questionId, question] of Object.entries(this.state.questions)) {
      if (question.task_id === taskId) {
        delete this.state.questions[questionId];
      }
    }
  }

  private progress(event: Event): void {
    const task = this.state.tasks[event.task_id ?? ''];
    if (!task) {
      return;
    }
    if (isObject(event.data.usage)) {
      task['usage'] = event.data.usage;
      task.sources['usage'] = event.offset;
      return; // what it costs is no bar
    }
    const name = textOf(event.data.key);
    const first: Bar | undefined = task.progress[name];
    task.progress[name] = {
      ...event.data,
      offset: event.offset,
      time: event.time,
      since: first?.since ?? event.time,
      from: first ? first.from : event.data.done
    };
  }

  // -- pairs

  private toolResult(event: Event): void {
    const entry = this.byKey.get(key('tool_use', event.task_id, event.data.tool_call_id));
    if (!entry) {
      return this.plain(event);
    }
    const { status = null, result = null, duration_ms = null } = event.data;
    entry.result = { offset: event.offset, time: event.time, status, result, duration_ms };
    entry.last = event.offset;
  }

  private question(event: Event): void {
    const { offset, time, task_id, data } = event;
    this.state.questions[textOf(data.question_id)] = { ...data, task_id, offset, time };
    this.plain(event);
  }

  private messageReceived(event: Event): void {
    const questionId = event.data.in_reply_to;
    if (typeof questionId === 'string') {
      delete this.state.questions[questionId];
      const asked = this.byKey.get(key('question', event.task_id, questionId));
      if (asked) {
        const { text = null, from = null } = event.data;
        asked.answer = { offset: event.offset, time: event.time, text, from };
      }
    }
    this.plain(event);
  }

  private command(event: Event): void {
    const task = this.state.tasks[event.task_id ?? ''];
    const { outcome = null, name, command_id } = event.data;
    if (task && name === 'cancel') {
      task.cancelling =
        (outcome === 'accepted' || outcome === 'applied') && !TERMINAL.has(task.state ?? '');
    }
    const entry = this.byKey.get(key('command', null, command_id));
    if (!entry) {
      return this.plain(event);
    }
    entry.data = { ...entry.data, outcome };
    entry.last = event.offset;
  }

  // -- the chat

  private chat(event: Event): void {
    const { chats } = this.state;
    const chatId = textOf(event.data.chat_id);
    if (event.data.change === 'deleted') {
      delete chats[chatId];
    } else {
      const title = typeof event.data.title === 'string' ? event.data.title : null;
      chats[chatId] = { chat_id: chatId, title };
      this.state.title = title;
    }
    this.plain(event);
  }

  private redaction(event: Event): void {
    const { state } = this;
    const offsets = event.data.offsets;
    const gone = new Set<number>(
      Array.isArray(offsets) ? offsets.filter((it): it is number => typeof it === 'number') : []
    );
    for (const entry of [...state.timeline]) {
      redactEntry(entry, gone);
      if (gone.has(entry.offset) && !entry.pieces?.length) {
        state.timeline.splice(state.timeline.indexOf(entry), 1);
        this.forget(entry);
      }
    }
    for (const [questionId, question] of Object.entries(state.questions)) {
      if (gone.has(question.offset)) {
        delete state.questions[questionId];
      }
    }
    for (const task of Object.values(state.tasks)) {
      for (const [name, offset] of Object.entries(task.sources)) {
        if (gone.has(offset)) {
          (task as Json)[name] = null;
          delete task.sources[name];
        }
      }
      for (const [name, bar] of Object.entries(task.progress)) {
        if (gone.has(bar.offset)) {
          delete task.progress[name];
        }
      }
    }
    this.plain(event);
  }
}

const KEYS: Readonly<Record<string, string>> = {
  thought: 'message_id',
  message_sent: 'message_id',
  tool_use: 'tool_call_id',
  question: 'question_id',
  command: 'command_id'
};

/** What later events find the entry by, if any do. */
export function keyOf({ type, task_id, data }: Entry): string | null {
  const name = Object.hasOwn(KEYS, type) ? KEYS[type] : undefined;
  const id = name === undefined ? undefined : data[name];
  return typeof id === 'string' ? key(type, type === 'command' ? null : task_id, id) : null;
}

function key(type: string, taskId: string | null, id: unknown): string {
  return `${type}\x1f${taskId ?? ''}\x1f${textOf(id)}`;
}

/** A dictionary whose keys come from outside: without a prototype no key is special. */
function dict<T>(from: Record<string, T> = {}): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, from);
}

function adopt(state: State): State {
  state.chats = dict(state.chats);
  state.tasks = dict(state.tasks);
  state.questions = dict(state.questions);
  state.counters = dict(state.counters);
  for (const task of Object.values(state.tasks)) {
    task.progress = dict(task.progress);
  }
  return state;
}
