/** Generated from sparky_nb/wire/v1.json by "npm run wire". Never edited by hand. */

export interface Wire {
  Approval: Approval;
  BlobRef: BlobRef;
  Bye: Bye;
  ChatChange: ChatChange;
  Command: Command;
  CommandFrame: CommandFrame;
  Cursor: Cursor;
  ErrorFrame: ErrorFrame;
  Event: Event;
  EventsFrame: EventsFrame;
  Gap: Gap;
  Heartbeat: Heartbeat;
  Hello: Hello;
  Live: Live;
  MessageReceived: MessageReceived;
  MessageSent: MessageSent;
  Origin: Origin;
  Output: Output;
  Ping: Ping;
  Pong: Pong;
  Progress: Progress;
  Question: Question;
  Redaction: Redaction;
  Result: Result;
  ScheduleDigest: ScheduleDigest;
  Status: Status;
  TaskDigest: TaskDigest;
  TaskErrorInfo: TaskErrorInfo;
  Thought: Thought;
  ToolResult: ToolResult;
  ToolUse: ToolUse;
  ViewerInfo: ViewerInfo;
  Viewers: Viewers;
}
/**
 * The tool call that an approval question is about.
 */
export interface Approval {
  tool_call_id: string;
  [k: string]: unknown;
}
/**
 * Stands where a payload above 64 KiB was; ``preview`` is its beginning as text.
 */
export interface BlobRef {
  sha256: string;
  size: number;
  media_type: string;
  preview: string;
  [k: string]: unknown;
}
/**
 * Before every close by the server; ``code`` is the close code.
 */
export interface Bye {
  t: 'bye';
  code: number;
  reason: string;
  reconnect: boolean;
  retry_after_ms?: number;
  gap?: Gap;
  [k: string]: unknown;
}
/**
 * Why a cursor can't be honoured. ``lost``: the first and the last offset that the viewer will
 *     never see (``trimmed``), or has seen and that are no more; null where nobody knows.
 */
export interface Gap {
  reason: 'ahead' | 'epoch_changed' | 'trimmed';
  requested: Cursor;
  lost: [number, number] | null;
  [k: string]: unknown;
}
/**
 * The last event a viewer has applied. ``epoch`` is null where it had none.
 */
export interface Cursor {
  epoch: string | null;
  offset: number;
  [k: string]: unknown;
}
/**
 * A chat came into being, was renamed, or was deleted.
 */
export interface ChatChange {
  change: 'created' | 'deleted' | 'renamed';
  chat_id: string;
  title?: string;
  [k: string]: unknown;
}
/**
 * Who asked for what, and what came of it. One ``accepted`` at most, then one ending.
 */
export interface Command {
  command_id: string;
  name: 'answer' | 'cancel' | 'message';
  args: {
    [k: string]: unknown;
  };
  from: string;
  outcome: 'accepted' | 'applied' | 'expired' | 'rejected';
  [k: string]: unknown;
}
/**
 * A request to the task's runner. ``id``, unique per user and chat, makes it idempotent.
 */
export interface CommandFrame {
  t: 'command';
  id: string;
  name: 'answer' | 'cancel' | 'message';
  task_id: string;
  args?: {
    [k: string]: unknown;
  };
  [k: string]: unknown;
}
/**
 * A frame from the client was bad. The connection lives on unless a ``bye`` follows.
 */
export interface ErrorFrame {
  t: 'error';
  code: string;
  message: string;
  [k: string]: unknown;
}
/**
 * A stored event. ``extra`` holds envelope fields that this version does not know.
 */
export interface Event {
  offset: number;
  id: string;
  type: string;
  time: number;
  task_id: string | null;
  actor: string;
  data: {
    [k: string]: unknown;
  };
  [k: string]: unknown;
}
/**
 * A contiguous batch; ``offset`` is that of its first event.
 */
export interface EventsFrame {
  t: 'events';
  offset: number;
  events: Event[];
  [k: string]: unknown;
}
/**
 * After ``heartbeat_ms`` without another frame. ``time`` is ms UTC.
 */
export interface Heartbeat {
  t: 'heartbeat';
  head: number;
  time: number;
  [k: string]: unknown;
}
/**
 * First, before any event. ``next`` is the offset of the first event that follows; ``missed``
 *     is head less cursor (0 where no cursor was given); ``recovered``: a cursor was honoured.
 */
export interface Hello {
  t: 'hello';
  v: number;
  viewer: string;
  chat: string;
  epoch: string;
  earliest: number;
  head: number;
  next: number;
  missed: number;
  recovered: boolean;
  gap: Gap | null;
  heartbeat_ms: number;
  user: string;
  [k: string]: unknown;
}
/**
 * Caught up: everything up to ``offset`` has been sent. Once per connection.
 */
export interface Live {
  t: 'live';
  offset: number;
  [k: string]: unknown;
}
/**
 * A message from the user; ``in_reply_to`` is the question it answers.
 */
export interface MessageReceived {
  message_id: string;
  text: string;
  from: string;
  in_reply_to?: string;
  [k: string]: unknown;
}
/**
 * A piece of a message from the agent or task to the user.
 */
export interface MessageSent {
  message_id: string;
  text: string;
  final: boolean;
  [k: string]: unknown;
}
/**
 * Where a task came from: the notebook's path, the cell's id, and the id of the request that
 *     ran the cell then, which all tasks of one execution share.
 */
export interface Origin {
  path?: string;
  cell_id?: string;
  run?: string;
  [k: string]: unknown;
}
/**
 * Something printed, logged or displayed; ``mime`` is a Jupyter MIME bundle.
 */
export interface Output {
  stream: 'display' | 'log' | 'stderr' | 'stdout';
  text?: string;
  level?: string;
  mime?: {
    [k: string]: unknown;
  };
  truncated?: boolean;
  [k: string]: unknown;
}
/**
 * Asks for a ``pong`` with the same ``n``.
 */
export interface Ping {
  t: 'ping';
  n: number;
  [k: string]: unknown;
}
/**
 * The answer to ``ping``.
 */
export interface Pong {
  t: 'pong';
  n: number;
  time: number;
  [k: string]: unknown;
}
/**
 * ``done`` of ``total`` (absent: unknown) under ``key``. One with ``usage`` is no bar: it says
 *     what the task has used up so far, as its ending will.
 */
export interface Progress {
  key: string;
  done: number;
  total?: number;
  message?: string;
  unit?: string;
  usage?: {
    [k: string]: unknown;
  };
  [k: string]: unknown;
}
/**
 * A question to whoever watches; ``expires`` is ms UTC.
 */
export interface Question {
  question_id: string;
  prompt: string;
  choices?: string[];
  approval?: Approval;
  expires?: number;
  [k: string]: unknown;
}
/**
 * The events at ``offsets`` are tombstones now.
 */
export interface Redaction {
  offsets: number[];
  from: string;
  [k: string]: unknown;
}
/**
 * The answer to the command ``id``: ``offset`` of its event, or ``error``.
 */
export interface Result {
  t: 'result';
  id: string;
  ok: boolean;
  offset?: number;
  error?: {
    [k: string]: unknown;
  };
  [k: string]: unknown;
}
/**
 * In ``_index`` only: the ``data`` of a ``schedule`` event: what happened to a schedule, and
 *     all of it that can change, as it is now. ``GET schedules`` has the rest.
 */
export interface ScheduleDigest {
  change: 'created' | 'fired' | 'paused' | 'removed' | 'resumed';
  schedule_id: string;
  chat_id: string;
  state: 'active' | 'ended' | 'paused';
  next_at: number | null;
  last_at: number | null;
  last_task: string | null;
  fired: number;
  coalesced: number;
  revision: number;
  [k: string]: unknown;
}
/**
 * A move of a task. ``attempt`` counts from 1.
 */
export interface Status {
  state: 'cancelled' | 'completed' | 'failed' | 'lost' | 'queued' | 'running' | 'waiting';
  attempt: number;
  name?: string;
  kind?: ('agent' | 'call' | 'cell') | string;
  instruction?: string;
  model?: string;
  origin?: Origin;
  runner?: string;
  schedule_id?: string;
  retry_of?: string;
  result?: unknown;
  error?: TaskErrorInfo;
  duration_ms?: number;
  usage?: {
    [k: string]: unknown;
  };
  omitted_bytes?: number;
  reason?: string;
  [k: string]: unknown;
}
/**
 * Why a task failed. ``traceback`` may hold ANSI colours.
 */
export interface TaskErrorInfo {
  type: string;
  message: string;
  traceback?: string;
  [k: string]: unknown;
}
/**
 * In ``_index`` only: the ``data`` of a ``status`` digest; its envelope has the ``task_id``.
 */
export interface TaskDigest {
  chat_id: string;
  state: 'cancelled' | 'completed' | 'failed' | 'lost' | 'queued' | 'running' | 'waiting';
  name?: string;
  kind?: string;
  [k: string]: unknown;
}
/**
 * A piece of a thought; pieces with one ``message_id`` concatenate.
 */
export interface Thought {
  message_id: string;
  text: string;
  final: boolean;
  [k: string]: unknown;
}
/**
 * What the tool gave back. ``duration_ms`` is integer milliseconds.
 */
export interface ToolResult {
  tool_call_id: string;
  name: string;
  status: 'denied' | 'error' | 'success';
  result: unknown;
  duration_ms: number;
  [k: string]: unknown;
}
/**
 * A tool is called.
 */
export interface ToolUse {
  tool_call_id: string;
  name: string;
  args: {
    [k: string]: unknown;
  };
  [k: string]: unknown;
}
/**
 * Somebody who watches; ``id`` is of this connection, the rest is for display. ``color`` is a
 *     CSS colour, where the server's identity provider has given the person one.
 */
export interface ViewerInfo {
  id: string;
  user: string;
  color?: string;
  [k: string]: unknown;
}
/**
 * Who is watching the chat. ``viewers`` may be cut, ``count`` is not.
 */
export interface Viewers {
  t: 'viewers';
  count: number;
  viewers: ViewerInfo[];
  [k: string]: unknown;
}

export type ServerFrame =
  Hello | EventsFrame | Live | Heartbeat | Pong | Viewers | Result | ErrorFrame | Bye;

export type ClientFrame = Ping | CommandFrame;

export const CLOSE_CODES = {
  '4000': { name: 'shutdown', reconnect: true },
  '4008': { name: 'no_life', reconnect: true },
  '4009': { name: 'too_slow', reconnect: true },
  '4010': { name: 'gap', reconnect: true },
  '4400': { name: 'bad_protocol', reconnect: false },
  '4401': { name: 'signed_out', reconnect: false },
  '4403': { name: 'forbidden', reconnect: false },
  '4404': { name: 'no_chat', reconnect: false },
  '4413': { name: 'frame_too_large', reconnect: false },
  '4429': { name: 'too_many', reconnect: true }
} as const;

export const MOVES = {
  '': ['queued', 'running'],
  queued: ['cancelled', 'failed', 'lost', 'running'],
  running: ['cancelled', 'completed', 'failed', 'lost', 'waiting'],
  waiting: ['cancelled', 'completed', 'failed', 'lost', 'running'],
  completed: [],
  failed: [],
  cancelled: [],
  lost: []
} as const;

export const TERMINAL_STATES = ['cancelled', 'completed', 'failed', 'lost'] as const;

export const WIRE_FOLD_VERSION = 1;
