/** Where to start; at most one of the ways is set (twin of `Start` in sparky_nb/stream/start.py). */
export interface Start {
  epoch?: string | null;
  offset?: number;
  last?: number | null;
  now?: boolean;
  /** Where a cursor can't be honoured, go on from the earliest kept event rather than close. */
  go_on?: boolean;
}

/** The query of the socket that asks for `start`. */
export function queryOf(start: Start): Record<string, string> {
  const query: Record<string, string> = {};
  if (typeof start.epoch === 'string') {
    query['epoch'] = start.epoch;
    query['offset'] = String(start.offset ?? 0);
  } else if (typeof start.last === 'number') {
    query['last'] = String(start.last);
  } else if (start.now) {
    query['from'] = 'now';
  }
  if (start.go_on) {
    query['on_gap'] = 'earliest';
  }
  return query;
}
