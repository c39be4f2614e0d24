/**
 * When the page draws: all that changed in one frame, at once when quiet, at most ten times a second
 * else, and never while nobody can see it.
 */

const PERIOD_MS = 100;
/** Drawing gets at most a fifth of the page's time, however slow the machine. */
const SHARE = 5;
/** But what the page does meanwhile counts too: after a page's first seconds nobody waits for long. */
const MOST_MS = 1_000;

/** What a page gives to whoever draws in it. Each call gives what takes it back. */
export interface Screen {
  readonly hidden: boolean;
  /** Milliseconds that only grow. */
  now(): number;
  after(ms: number, then: () => void): () => void;
  /** Right before the next frame. */
  frame(then: () => void): () => void;
  /** Once the frame that is being made is on the screen. */
  painted(then: () => void): () => void;
}

/** Draws for all beats of a page: ten chats that move cost one timer and one frame, not ten. */
export class Drawing {
  private readonly due = new Set<Beat>();
  private takeBack: (() => void) | null = null;
  private notBefore = 0;

  constructor(private readonly screen: Screen) {}

  ask(beat: Beat): void {
    this.due.add(beat);
    this.arrange();
  }

  forget(beat: Beat): void {
    this.due.delete(beat);
  }

  /** Nobody can see the page: what changes waits. */
  pause(): void {
    this.takeBack?.();
    this.takeBack = null;
  }

  /** It is seen again. */
  resume(): void {
    this.notBefore = 0;
    this.arrange();
  }

  private arrange(): void {
    if (this.takeBack || this.due.size === 0 || this.screen.hidden) {
      return;
    }
    const wait = this.notBefore - this.screen.now();
    this.takeBack =
      wait > 0 ? this.screen.after(wait, () => this.inFrame()) : this.screen.frame(this.draw);
  }

  private inFrame(): void {
    this.takeBack = this.screen.frame(this.draw);
  }

  /** What a frame costs is known once it is painted: most of it is the browser's own work. */
  private readonly draw = (): void => {
    const began = this.screen.now();
    const due = [...this.due];
    this.due.clear();
    this.takeBack = this.screen.painted(() => {
      const ended = this.screen.now();
      const rest = Math.min(MOST_MS, (SHARE - 1) * (ended - began));
      this.notBefore = Math.max(began + PERIOD_MS, ended + rest);
      this.takeBack = null;
      this.arrange();
    });
    due.forEach(beat => beat.tell());
  };
}

/** Tells listeners, in a frame, that something changed. */
export class Beat {
  version = 0;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly drawing: Drawing) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  touch(): void {
    if (this.listeners.size > 0) {
      this.drawing.ask(this);
    } else {
      this.version += 1; // whoever comes now sees what is
    }
  }

  tell(): void {
    this.version += 1;
    [...this.listeners].forEach(listener => listener());
  }

  dispose(): void {
    this.drawing.forget(this);
    this.listeners.clear();
  }
}
