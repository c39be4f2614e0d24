/** Tells listeners that something changed: at once when quiet, at most ten times a second else. */

const PERIOD_MS = 100;
/** Drawing gets at most a fifth of the page's time, however slow the machine. */
const SHARE = 5;

export class Beat {
  version = 0;
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due = false;
  private last = 0;
  private cost = 0;

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
    const wait = this.last + Math.max(PERIOD_MS, SHARE * this.cost) - performance.now();
    this.timer = setTimeout(() => this.flush(), Math.max(0, wait));
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.due) {
      this.due = false;
      this.version += 1;
      const began = performance.now();
      [...this.listeners].forEach(listener => listener());
      this.last = performance.now();
      this.cost = this.last - began;
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.listeners.clear();
  }
}
