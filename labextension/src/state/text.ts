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

/** A chat's title as people know it: of a notebook's path the last part, any other as it is. */
export function shortTitle(title: string): string {
  return title.endsWith('.ipynb') ? (title.split(/[/\\]/).pop() ?? title) : title;
}
