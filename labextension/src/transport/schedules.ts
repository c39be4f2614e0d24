/** All schedules: `GET schedules`, and what the `_index` stream says of each change. */

import type { Event, Json } from '../state/model';
import { textOf } from '../state/text';
import type { Rest, ScheduleRow } from './rest';

/** What of a schedule can change, and so is in every event of it. */
const CHANGING = [
  'state',
  'next_at',
  'last_at',
  'last_task',
  'fired',
  'coalesced',
  'revision'
] as const;

export class Schedules {
  private readonly rows = new Map<string, ScheduleRow>();
  /** Those that were heard of and are being asked for, with the newest that was heard. */
  private readonly asked = new Map<string, Json>();

  constructor(
    private readonly rest: Pick<Rest, 'schedule'>,
    private readonly touch: () => void
  ) {}

  /** Oldest first. */
  list(): ScheduleRow[] {
    return [...this.rows.values()];
  }

  adopt(rows: ScheduleRow[]): void {
    this.rows.clear();
    this.asked.clear();
    rows.forEach(row => this.rows.set(row.schedule_id, row));
  }

  /** One that was made here is there at once; the stream tells of it a little later. */
  made(row: ScheduleRow): void {
    if (!this.rows.has(row.schedule_id)) {
      this.rows.set(row.schedule_id, row);
      this.touch();
    }
  }

  apply(event: Event): void {
    const { data } = event;
    const id = textOf(data['schedule_id']);
    const known = this.rows.get(id);
    if (data['change'] === 'removed') {
      this.rows.delete(id);
      this.asked.delete(id);
    } else if (known) {
      this.rows.set(id, moved(known, data));
    } else if (this.asked.has(id)) {
      this.asked.set(id, data);
    } else if (id) {
      this.asked.set(id, data);
      void this.ask(id);
    }
  }

  /** A deleted chat takes its schedules along. */
  forgetChat(chatId: string): void {
    for (const row of this.list()) {
      if (row.chat_id === chatId) {
        this.rows.delete(row.schedule_id);
      }
    }
  }

  /** What an event does not say: what it does, and when. Asked once for each new schedule. */
  private async ask(id: string): Promise<void> {
    try {
      const row = await this.rest.schedule(id);
      const heard = this.asked.get(id);
      if (heard) {
        this.rows.set(id, moved(row, heard));
        this.touch();
      }
    } catch {
      // gone already, or unreachable: the next event of it asks again
    }
    this.asked.delete(id);
  }
}

/** `row` after `data`, where that is newer. */
function moved(row: ScheduleRow, data: Json): ScheduleRow {
  if (!(Number(data['revision']) > row.revision)) {
    return row;
  }
  const next: ScheduleRow = { ...row };
  for (const name of CHANGING) {
    if (name in data) {
      Object.assign(next, { [name]: data[name] });
    }
  }
  if (next.last_task !== row.last_task) {
    next.last_state = 'queued'; // what becomes of it, the events of the task say
  }
  return next;
}
