import { deepStrictEqual } from 'node:assert';
import { describe, it } from 'node:test';

import { Fold, LIMITS } from '../src/state/fold';
import type { Entry, Event } from '../src/state/model';
import { join } from '../src/state/seam';
import { cases, plain } from './cases';

const ALL = { ...LIMITS, timeline: Infinity, text: Infinity };

function timeline(events: Event[]): Entry[] {
  const fold = new Fold(undefined, ALL);
  events.forEach(event => fold.apply(event));
  return plain(fold.state.timeline) as Entry[];
}

/** Ids are not used twice by a sane producer, and a redaction is applied by the server itself. */
function sane(events: Event[]): Event[] {
  const used = new Set<string>();
  return events.filter(({ type, task_id, data }) => {
    const id = data['tool_call_id'] ?? data['question_id'] ?? data['command_id'];
    const key = JSON.stringify([type, task_id, id]);
    const again =
      ['tool_use', 'tool_result', 'question', 'command'].includes(type) && used.has(key);
    used.add(key);
    return !again && type !== 'redaction';
  });
}

describe('two runs of entries, joined, are what one fold would have made', () => {
  for (const [name, golden] of cases<{ events: Event[] }>('fold')) {
    it(name, () => {
      const events = sane(golden.events);
      const whole = timeline(events);
      const step = Math.max(1, Math.floor(events.length / 9));
      for (let cut = 0; cut <= events.length; cut += step) {
        const joined = join(timeline(events.slice(0, cut)), timeline(events.slice(cut)));
        deepStrictEqual(plain(joined), whole, `cut at ${cut}`);
      }
    });
  }
});
