/**
 * Tasks whose views were put back in this browser and not cleared since.
 *
 * A file that was saved later than a task ended would otherwise say that its view is not wanted; but
 * what was put back is in no file, so saving must not lose it.
 */

const KEY = 'sparky-nb:put-back';
const MOST = 500;

export class Kept {
  /** What the browser would not store: it holds as long as this page lives. */
  private own: string[] | null = null;

  has(taskId: string): boolean {
    return this.ids().includes(taskId);
  }

  add(taskIds: string[]): void {
    const ids = this.ids();
    const added = taskIds.filter(id => !ids.includes(id));
    if (added.length) {
      this.store([...ids, ...added].slice(-MOST));
    }
  }

  delete(taskId: string): void {
    const ids = this.ids();
    if (ids.includes(taskId)) {
      this.store(ids.filter(id => id !== taskId));
    }
  }

  /** Read each time: another notebook or tab may have put something back or cleared it. */
  private ids(): string[] {
    return this.own ?? stored();
  }

  private store(ids: string[]): void {
    try {
      window.localStorage.setItem(KEY, JSON.stringify(ids));
      this.own = null;
    } catch {
      this.own = ids; // not allowed, or full
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
