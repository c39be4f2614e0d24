/** Times and numbers as people read them, in the viewer's zone and language. */

// To make one takes longer than a hundred uses of it.
const AGE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'narrow' });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const WEEKDAY = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long'
});
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'full' });
const DAY = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const HUGE = new Intl.NumberFormat(undefined, {
  maximumFractionDigits: 2,
  notation: 'scientific'
});
const MONEY = new Intl.NumberFormat(undefined, {
  style: 'currency',
  currency: 'USD',
  maximumFractionDigits: 4
});
const RATE = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** `95_000` → `1 min 35 s`. */
export function duration(ms: number): string {
  const s = Math.max(0, ms) / 1000;
  if (s < 1) {
    return `${Math.round(s * 1000)} ms`;
  }
  if (s < 10) {
    return `${s.toFixed(1)} s`;
  }
  if (s < 60) {
    return `${Math.floor(s)} s`;
  }
  const m = Math.floor(s / 60);
  if (m < 60) {
    return `${m} min ${Math.floor(s % 60)} s`;
  }
  const h = Math.floor(m / 60);
  return h < 24 ? `${h} h ${m % 60} min` : `${Math.floor(h / 24)} d ${h % 24} h`;
}

/** How long ago, in one unit. */
export function age(time: number, now: number): string {
  const s = Math.max(0, now - time) / 1000;
  if (s < 10) {
    return AGE.format(0, 'second');
  }
  if (s < 60) {
    return AGE.format(-Math.floor(s), 'second');
  }
  if (s < 3600) {
    return AGE.format(-Math.floor(s / 60), 'minute');
  }
  if (s < 86_400) {
    return AGE.format(-Math.floor(s / 3600), 'hour');
  }
  return AGE.format(-Math.floor(s / 86_400), 'day');
}

export function clock(time: number): string {
  return CLOCK.format(time);
}

export function moment(time: number): string {
  return MOMENT.format(time);
}

/** `Today`, `Yesterday`, `Monday, November 16`; with the year where that is another. */
export function day(time: number, now: number): string {
  const ago = Math.round((midnight(now) - midnight(time)) / 86_400_000);
  if (ago === 0 || ago === 1) {
    const word = DAY.format(-ago, 'day');
    return word.charAt(0).toLocaleUpperCase() + word.slice(1);
  }
  const sameYear = new Date(time).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? WEEKDAY : DATE).format(time);
}

function midnight(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

/** What is left, in whole seconds: nobody knows it better. */
export function left(ms: number): string {
  return duration(ms < 10_000 ? Math.ceil(ms / 1_000) * 1_000 : ms).replace(/\.0(?= s)/, '');
}

export function number(value: number): string {
  return (Math.abs(value) < 1e15 ? NUMBER : HUGE).format(value);
}

/** US dollars: of a small sum also what is less than a cent. */
export function money(usd: number): string {
  return usd < 0.0001
    ? `< ${MONEY.format(0.0001)}`
    : MONEY.format(usd < 1 ? usd : Math.round(usd * 100) / 100);
}

/** A rate in at most three digits. */
export function rate(perSecond: number): string {
  return RATE.format(perSecond);
}

/** What is done, how fast, and how long the rest will take; null where nobody can say. */
export function pace(bar: {
  done: number;
  total: number | null;
  from: number;
  since: number;
  time: number;
}): { fraction: number | null; perSecond: number | null; leftMs: number | null } {
  const { done, total, from, since, time } = bar;
  const fraction = total !== null && total > 0 ? Math.min(1, Math.max(0, done / total)) : null;
  const perSecond = time > since && done > from ? ((done - from) * 1000) / (time - since) : null;
  const leftMs =
    perSecond !== null && total !== null && total > done
      ? ((total - done) / perSecond) * 1000
      : null;
  return { fraction, perSecond, leftMs };
}
