/** Small values on one line: `["a", "b"]`, `{sep: ",", header: true}`. */

import { tame } from './terminal';

const CHARS = 72;
const CHILDREN = 24;

/** A list or an object of plain values as one line; null where that would be long, or deep. */
export function oneLine(value: object): string | null {
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length > CHILDREN) {
    return null;
  }
  const list = Array.isArray(value);
  const parts: string[] = [];
  for (const [key, child] of entries) {
    if (child !== null && typeof child === 'object') {
      return null;
    }
    if (typeof child === 'string' && child.length > CHARS) {
      return null;
    }
    const text = tame(JSON.stringify(child));
    parts.push(list ? text : `${tame(key)}: ${text}`);
  }
  const line = list ? `[${parts.join(', ')}]` : `{${parts.join(', ')}}`;
  return line.length > CHARS ? null : line;
}
