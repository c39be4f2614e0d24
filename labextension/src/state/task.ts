/** A task's part of the state (twin of `_new_task` and `_begin_attempt` in fold.py). */

import type { Event, Json, Task } from './model';

/** Fields that may be redacted, so the offset that they came from is kept in `sources`. */
export const TASK_TEXT: ReadonlySet<string> = new Set([
  'name',
  'instruction',
  'result',
  'error',
  'usage'
]);

export const TASK_FIELDS: readonly string[] = [
  ...TASK_TEXT,
  'chat_id',
  'kind',
  'model',
  'origin',
  'runner',
  'schedule_id',
  'retry_of',
  'duration_ms',
  'omitted_bytes',
  'reason'
];

/** Digests in `_index` have none. */
export function attemptOf(data: Json): number {
  return typeof data.attempt === 'number' ? data.attempt : 0;
}

export function newTask(event: Event): Task {
  return {
    task_id: event.task_id,
    offset: event.offset,
    last: event.offset,
    state: null,
    attempt: attemptOf(event.data),
    name: null,
    created: event.time,
    started: null,
    ended: null,
    cancelling: false,
    progress: Object.create(null) as Task['progress'],
    sources: {}
  };
}

/** A higher attempt starts over; what the one before had reached is shown no more. */
export function beginAttempt(task: Task, attempt: number): void {
  task.attempt = attempt;
  task.started = null;
  task.ended = null;
  task.cancelling = false;
  task.progress = Object.create(null) as Task['progress'];
  for (const name of ['result', 'error', 'duration_ms', 'usage', 'reason']) {
    delete (task as Json)[name];
    delete task.sources[name];
  }
}

/** How long a task took: as it was measured, or else by the times of its events. */
export function elapsed(
  task: { created: number; started: number | null; ended: number | null; duration_ms?: unknown },
  now: number
): number {
  if (task.ended !== null && typeof task.duration_ms === 'number') {
    return task.duration_ms;
  }
  return (task.ended ?? now) - (task.started ?? task.created);
}
