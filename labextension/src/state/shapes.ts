/**
 * What the data of a type must have for more than a plain entry (twin of `SHAPES` in fold.py): no
 * event, however odd, makes a chat unreadable.
 */

import type { Event, Json } from './model';

type Kind = 'string' | 'number' | 'list';

const SHAPES: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  status: { state: 'string' },
  progress: { key: 'string', done: 'number' },
  thought: { message_id: 'string', text: 'string' },
  message_sent: { message_id: 'string', text: 'string' },
  output: { stream: 'string', text: 'string' },
  tool_use: { tool_call_id: 'string' },
  tool_result: { tool_call_id: 'string' },
  question: { question_id: 'string' },
  command: { command_id: 'string' },
  chat: { chat_id: 'string' },
  redaction: { offsets: 'list' }
};

/** Whether `value` is what Python calls a dict. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fits({ type, data }: Event): boolean {
  const shape = Object.hasOwn(SHAPES, type) ? (SHAPES[type] ?? {}) : {};
  for (const [name, kind] of Object.entries(shape)) {
    const value = data[name];
    if (kind === 'list' ? !Array.isArray(value) : typeof value !== kind) {
      return type === 'output' && name === 'text' && 'mime' in data;
    }
  }
  return true;
}
