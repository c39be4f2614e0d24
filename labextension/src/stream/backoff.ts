export const BACKOFF_BASE_MS = 250;
export const BACKOFF_CAP_MS = 10_000;

/** How long to wait before the next try: full jitter. `random` is in [0, 1). */
export function backoff(failures: number, random: number): number {
  return Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(failures, 6)) * random;
}
