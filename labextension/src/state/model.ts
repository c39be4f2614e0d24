/** The shape of the state that events fold into (the twin of sparky_nb/events/fold.py). */

import type { Event } from '../wire/generated';

export type { Event };
export type Json = Record<string, unknown>;

/** One thing that a person sees: the pieces of one message, a tool call with its result, … */
export interface Entry {
  /** Its first event and its newest. */
  offset: number;
  last: number;
  type: string;
  /** Milliseconds UTC, for display only. */
  time: number;
  task_id: string | null;
  actor: string;
  data: Json;
  /** Only entries of text: `[offset, text]`, oldest first. */
  pieces?: [number, string][];
  /** Code points in `pieces`. */
  chars?: number;
  /** Older text is gone. */
  cut?: boolean;
  result?: ToolOutcome;
  answer?: Answer;
}

export interface ToolOutcome {
  offset: number;
  time: number;
  status: unknown;
  result: unknown;
  duration_ms: unknown;
}

export interface Answer {
  offset: number;
  time: number;
  text: unknown;
  from: unknown;
}

export interface Bar extends Json {
  offset: number;
  time: number;
  since: number;
  from: unknown;
}

export interface Task extends Json {
  task_id: string | null;
  offset: number;
  last: number;
  state: string | null;
  attempt: number;
  name: string | null;
  created: number;
  started: number | null;
  ended: number | null;
  cancelling: boolean;
  progress: Record<string, Bar>;
  sources: Record<string, number>;
  origin?: { path?: string; cell_id?: string } | null;
}

export interface OpenQuestion extends Json {
  task_id: string | null;
  offset: number;
  time: number;
}

export interface State {
  v: number;
  title: string | null;
  chats: Record<string, { chat_id: string; title: string | null }>;
  tasks: Record<string, Task>;
  questions: Record<string, OpenQuestion>;
  counters: Record<string, number>;
  timeline: Entry[];
  dropped: number;
}

/** How much a fold keeps. Code points for text. */
export interface Limits {
  timeline: number;
  endedTasks: number;
  text: number;
}

export const TERMINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'lost']);

/** Whether a task in this state will move no more. */
export function isEnded(state: string | null | undefined): boolean {
  return TERMINAL.has(state ?? '');
}
