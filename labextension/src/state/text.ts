/** The number of code points in `text`: what Python's `len` says. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count -= 1;
      i += 1;
    }
  }
  return count;
}

/** `value` if it is a text, else `otherwise`. */
export function textOf(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

/** Whoever came with the server's token, to which it knows no person (`SOMEBODY` in people.py). */
export const SOMEBODY = 'token';

/** The name of a person; '' where there is none. */
export function personOf(name: unknown): string {
  const known = textOf(name).replace(/^user:/, '');
  return known === SOMEBODY ? '' : known;
}

/** A task's name as people know it: without one, what it was told to do. */
export function taskName(
  task: { name?: string | null; instruction?: unknown; task_id: string | null } | undefined
): string {
  return task?.name || textOf(task?.instruction) || (task?.task_id ?? '');
}

/** A chat's title as people know it: of a notebook's path the last part, any other as it is. */
export function shortTitle(title: string): string {
  return title.endsWith('.ipynb') ? (title.split(/[/\\]/).pop() ?? title) : title;
}
