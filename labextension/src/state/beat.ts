/** Tells listeners that something changed: at once when quiet, at most ten times a second else. */

const PERIOD_MS = 100;

export class Beat {
  version = 0;
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due = false;
  private last = 0;

  /** @param hidden whether nobody can see the page: then nothing is told until `flush`. */
  constructor(private readonly hidden: () => boolean = () => false) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  touch(): void {
    this.due = true;
    if (this.hidden() || this.timer !== undefined) {
      return;
    }
    const wait = this.last + PERIOD_MS - performance.now();
    this.timer = setTimeout(() => this.flush(), Math.max(0, wait));
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.due) {
      this.due = false;
      this.version += 1;
      [...this.listeners].forEach(listener => listener());
      this.last = performance.now();
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.listeners.clear();
  }
}
