/** What the close codes advise (the table is generated from sparky_nb/stream/close.py). */

import { CLOSE_CODES } from '../wire/generated';

export const BAD_PROTOCOL = 4400;
export const SIGNED_OUT = 4401;
export const FORBIDDEN = 4403;
export const NO_CHAT = 4404;

/** Whether a client should reconnect after the close code `code`, known or not. */
export function mayReconnect(code: number): boolean {
  const known = (CLOSE_CODES as Record<string, { reconnect: boolean }>)[String(code)];
  return known ? known.reconnect : !(code >= 4400 && code < 4500);
}

/** Whether somebody has to sign in or be given a right first. */
export function isDenied(code: number): boolean {
  return code === SIGNED_OUT || code === FORBIDDEN;
}
