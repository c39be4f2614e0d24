/**
 * Tasks whose views were put back in this browser and not cleared since.
 *
 * A file that was saved later than a task ended would otherwise say that its view is not wanted; but
 * what was put back is in no file, so saving must not lose it.
 */

const KEY = 'sparky-nb:put-back';
const MOST = 500;

export class Kept {
  private ids: string[];

  constructor() {
    this.ids = stored();
  }

  has(taskId: string): boolean {
    return this.ids.includes(taskId);
  }

  add(taskIds: string[]): void {
    const added = taskIds.filter(id => !this.has(id));
    if (added.length) {
      this.store(ids => [...ids.filter(id => !added.includes(id)), ...added].slice(-MOST));
    }
  }

  delete(taskId: string): void {
    if (this.has(taskId)) {
      this.store(ids => ids.filter(id => id !== taskId));
    }
  }

  /** Other tabs may have changed it. */
  private store(change: (ids: string[]) => string[]): void {
    this.ids = change([...new Set([...stored(), ...this.ids])]);
    try {
      window.localStorage.setItem(KEY, JSON.stringify(this.ids));
    } catch {
      // Not allowed, or full: as long as this page lives, then.
    }
  }
}

function stored(): string[] {
  try {
    const ids: unknown = JSON.parse(window.localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(ids) ? ids.filter(id => typeof id === 'string') : [];
  } catch {
    return [];
  }
}
