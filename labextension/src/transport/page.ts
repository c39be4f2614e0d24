/** What the page knows of the world: seen or hidden, online or not, just awake. */

export type PageSignal = 'offline' | 'online' | 'wake' | 'hidden';

const STEP_MS = 5_000;

/** One set of listeners for the whole page. */
export class PageSignals {
  private readonly listeners = new Set<(signal: PageSignal) => void>();
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
    this.watchSleep();
  }

  get hidden(): boolean {
    return document.hidden;
  }

  listen(listener: (signal: PageSignal) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

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
  }
}
