/**
 * Joins two runs of entries that were folded apart: what an older page of events and the newer
 * timeline would have been, folded as one (a tool call with its result beyond the seam, …).
 */

import { keyOf } from './fold';
import type { Entry } from './model';

/** The entries of `older` and then `newer`; both are used up. */
export function join(older: Entry[], newer: Entry[]): Entry[] {
  const byKey = new Map<string, Entry>();
  const lastOfTask = new Map<string | null, Entry>();
  for (const entry of older) {
    lastOfTask.set(entry.task_id, entry);
    const key = keyOf(entry);
    if (key !== null) {
      byKey.set(key, entry);
    }
  }
  const kept: Entry[] = [];
  for (const entry of newer) {
    const before = continued(entry, byKey, lastOfTask);
    if (before) {
      absorb(before, entry);
    } else {
      kept.push(entry);
      answerOf(entry, byKey);
      lastOfTask.set(entry.task_id, entry);
      const key = keyOf(entry);
      if (key !== null) {
        byKey.set(key, entry);
      }
    }
  }
  return [...older, ...kept];
}

function continued(
  entry: Entry,
  byKey: ReadonlyMap<string, Entry>,
  lastOfTask: ReadonlyMap<string | null, Entry>
): Entry | undefined {
  switch (entry.type) {
    case 'tool_result':
      return byKey.get(keyOf({ ...entry, type: 'tool_use' }) ?? '');
    case 'command':
      return byKey.get(keyOf(entry) ?? '');
    case 'thought':
    case 'message_sent': {
      const before = byKey.get(keyOf(entry) ?? '');
      return before?.pieces && entry.pieces ? before : undefined;
    }
    case 'output': {
      const last = lastOfTask.get(entry.task_id);
      const same = last?.type === 'output' && last.data['stream'] === entry.data['stream'];
      return same && last.pieces && entry.pieces && runs(entry) ? last : undefined;
    }
    default:
      return undefined;
  }
}

function runs(entry: Entry): boolean {
  return entry.data['stream'] === 'stdout' || entry.data['stream'] === 'stderr';
}

function absorb(before: Entry, entry: Entry): void {
  before.last = Math.max(before.last, entry.last);
  if (entry.type === 'tool_result') {
    const { status = null, result = null, duration_ms = null } = entry.data;
    before.result = { offset: entry.offset, time: entry.time, status, result, duration_ms };
  } else if (entry.type === 'command') {
    before.data = { ...before.data, outcome: entry.data['outcome'] };
  } else {
    before.pieces = [...(before.pieces ?? []), ...(entry.pieces ?? [])];
    before.chars = (before.chars ?? 0) + (entry.chars ?? 0);
    before.data = { ...before.data, ...entry.data };
    if (entry.cut) {
      before.cut = true;
    }
  }
}

/** A reply in the newer part marks its question in the older. */
function answerOf(entry: Entry, byKey: ReadonlyMap<string, Entry>): void {
  const replied = entry.data['in_reply_to'];
  if (entry.type === 'message_received' && typeof replied === 'string') {
    const asked = byKey.get(
      keyOf({ ...entry, type: 'question', data: { question_id: replied } }) ?? ''
    );
    if (asked && (asked.answer?.offset ?? 0) < entry.offset) {
      const { text = null, from = null } = entry.data;
      asked.answer = { offset: entry.offset, time: entry.time, text, from };
    }
  }
}
