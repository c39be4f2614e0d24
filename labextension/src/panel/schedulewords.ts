/** When a schedule fires, in plain words: in the viewer's language and time zone. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { ScheduleRow } from '../transport/rest';

const UNITS = { s: 'second', m: 'minute', h: 'hour', d: 'day' } as const;
const SIZES: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000]
];
const DAY_MS = 86_400_000;

export function viewersZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** `every 30 minutes`, `at 08:00 every day`, `once, Nov 30, 2026, 6:00 PM`. */
export function ruleWords(row: ScheduleRow, trans: TranslationBundle): string {
  if (row.kind === 'at') {
    const at = Date.parse(row.spec);
    return Number.isNaN(at) ? row.words : trans.__('once, %1', dateTime(at));
  }
  const [, count, letter] = /^([\d.]+)\s*([smhd])$/i.exec(row.spec) ?? [];
  if (row.kind === 'every' && count && letter) {
    const unit = UNITS[letter.toLowerCase() as keyof typeof UNITS];
    const names = {
      second: trans.__('every second'),
      minute: trans.__('every minute'),
      hour: trans.__('every hour'),
      day: trans.__('every day')
    };
    const many = new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'long' });
    return Number(count) === 1 ? names[unit] : trans.__('every %1', many.format(Number(count)));
  }
  // By the clock on the wall of its own zone, which need not be said where it is the viewer's.
  return row.timezone === viewersZone() ? row.words.replace(` (${row.timezone})`, '') : row.words;
}

/** `next in 29 minutes (2:30 PM)`, `in 29 minutes` of what is said already, or why it does not fire. */
export function nextWords(
  row: ScheduleRow,
  lastEnded: boolean,
  now: number,
  trans: TranslationBundle
): string {
  if (row.state === 'paused') {
    return trans.__('paused');
  }
  if (row.state === 'ended' || row.next_at === null) {
    return trans.__('does not fire again');
  }
  if (row.next_at <= now) {
    return lastEnded ? trans.__('due now') : trans.__('due as soon as its task has ended');
  }
  const ahead = relative(row.next_at - now);
  return row.kind === 'at' ? ahead : trans.__('next %1 (%2)', ahead, moment(row.next_at, now));
}

/** `in 29 minutes`: a time to come in its largest unit. */
export function relative(ms: number): string {
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: 'always' });
  const [unit, size] = SIZES.find(([, length]) => ms >= length) ?? ['second', 1_000];
  return format.format(Math.max(1, Math.floor(ms / size)), unit);
}

/** A time as one needs it to know which is meant: today's without, the next days' with the day. */
export function moment(time: number, now: number): string {
  const soon = time - now < 120_000;
  const clock: Intl.DateTimeFormatOptions = { hour: 'numeric', minute: '2-digit' };
  if (soon) {
    clock.second = '2-digit';
  }
  if (new Date(time).toDateString() === new Date(now).toDateString()) {
    return new Date(time).toLocaleTimeString(undefined, clock);
  }
  if (time - now < 6 * DAY_MS) {
    return new Date(time).toLocaleString(undefined, { weekday: 'short', ...clock });
  }
  return dateTime(time);
}

function dateTime(time: number): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
