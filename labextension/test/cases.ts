import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The golden cases that both sides run; the compiled test lives in .test-build/test. */
export function cases<T>(room: string): [string, T][] {
  const folder = resolve(__dirname, '../../../tests/wire/cases', room);
  return readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => [name, JSON.parse(readFileSync(join(folder, name), 'utf-8')) as T]);
}

/** The same data with plain prototypes, as it would cross a process boundary. */
export function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
