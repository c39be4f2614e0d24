/** What a terminal would show of a run of output: pure text and colours, nothing that moves. */

/* eslint-disable no-control-regex -- control characters are what this is about */

/** Operating system commands (titles, links, clipboards), until BEL or ST. */
const OSC = /\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)/g;
/** All control sequences but colours (`m`). */
const CSI = /\x1b\[[0-9;?<=>!]*[ -/]*[@-ln-~]/g;
const OTHER =
  /\x1b(?!\[)[ -/]*[0-~]?|[\x00-\x06\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f\u202a-\u202e\u2066-\u2069]/g;

/** `text` without what could move a cursor, set a title or turn the direction of text. */
export function tame(text: string): string {
  return overwrite(text.replace(OSC, '').replace(CSI, '').replace(OTHER, ''));
}

/** Carriage returns and backspaces, as far as a line goes. */
function overwrite(text: string): string {
  if (!text.includes('\r') && !text.includes('\b')) {
    return text;
  }
  return text
    .replace(/\r+\n/g, '\n')
    .split('\n')
    .map(line => {
      const start = line.lastIndexOf('\r', line.length - 2) + 1;
      return erase(start > 0 ? line.slice(start) : line).replaceAll('\r', '');
    })
    .join('\n');
}

/** Each backspace takes the character before it; once through, however many there are. */
function erase(line: string): string {
  if (!line.includes('\b')) {
    return line;
  }
  const kept: string[] = [];
  for (const character of line) {
    if (character === '\b') {
      kept.pop();
    } else {
      kept.push(character);
    }
  }
  return kept.join('');
}
