/** What the page knows of the world: seen or hidden, online or not, just awake; and when it draws. */

import type { Screen } from '../state/beat';
import { Drawing } from '../state/beat';

export type PageSignal = 'offline' | 'online' | 'wake' | 'hidden';

const STEP_MS = 5_000;

/** One set of listeners for the whole page. */
export class PageSignals implements Screen {
  readonly drawing = new Drawing(this);
  private readonly listeners = new Set<(signal: PageSignal) => void>();
  private readonly channel = new MessageChannel();
  private afterPaint: (() => void) | null = null;
  private last = Date.now();
  private timer: number | undefined;

  constructor() {
    window.addEventListener('offline', () => this.emit('offline'));
    window.addEventListener('online', () => this.emit('online'));
    window.addEventListener('pageshow', event => event.persisted && this.emit('wake'));
    document.addEventListener('resume', () => this.emit('wake'));
    document.addEventListener('visibilitychange', () => {
      this.emit(document.hidden ? 'hidden' : 'wake');
      this.watchSleep();
    });
    this.channel.port1.onmessage = () => this.afterPaint?.();
    this.watchSleep();
  }

  get hidden(): boolean {
    return document.hidden;
  }

  listen(listener: (signal: PageSignal) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // -- the screen

  now(): number {
    return performance.now();
  }

  after(ms: number, then: () => void): () => void {
    const timer = window.setTimeout(then, ms);
    return () => window.clearTimeout(timer);
  }

  frame(then: () => void): () => void {
    const request = window.requestAnimationFrame(then);
    return () => window.cancelAnimationFrame(request);
  }

  /** A message that is sent while a frame is made arrives when it has been painted. */
  painted(then: () => void): () => void {
    this.afterPaint = then;
    this.channel.port2.postMessage(null);
    return () => (this.afterPaint = null);
  }

  // -- inside

  /** A step of the clock that took much too long: the machine slept with the page in view. */
  private watchSleep(): void {
    window.clearInterval(this.timer);
    this.last = Date.now();
    if (!document.hidden) {
      this.timer = window.setInterval(() => {
        const now = Date.now();
        if (now - this.last > 3 * STEP_MS) {
          this.emit('wake');
        }
        this.last = now;
      }, STEP_MS);
    }
  }

  private emit(signal: PageSignal): void {
    [...this.listeners].forEach(listener => listener(signal));
    if (signal === 'hidden') {
      this.drawing.pause();
    } else if (signal === 'wake') {
      this.drawing.resume();
    }
  }
}
