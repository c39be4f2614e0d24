/** All that this page watches: one overview, and one socket for each chat that some view shows. */

import type { IDisposable } from '@lumino/disposable';

import { Chat } from './chat';
import { Overview } from './overview';
import { PageSignals } from './page';
import type { Health, Rest } from './rest';

/** Kept for a moment after its last view is gone: views come and go as notebooks scroll. */
const LINGER_MS = 5_000;

export class Hub implements IDisposable {
  readonly page = new PageSignals();
  readonly overview: Overview;
  private readonly chats = new Map<string, { chat: Chat; users: number; timer?: number }>();
  private asked: Promise<Health> | null = null;
  private askedAt = 0;
  isDisposed = false;

  constructor(readonly rest: Rest) {
    this.overview = new Overview(rest, this.page);
    this.overview.beat.subscribe(() => this.openCreated());
    this.page.listen(signal => signal === 'hidden' && this.sweep());
  }

  /** The chat, connected; whoever takes it gives it back with `release`. */
  acquire(chatId: string): Chat {
    let held = this.chats.get(chatId);
    if (!held) {
      held = { chat: new Chat(chatId, this.rest, this.page), users: 0 };
      this.chats.set(chatId, held);
      held.chat.open();
      this.overview.open(); // where nothing had happened before, something has now
    }
    window.clearTimeout(held.timer);
    held.users += 1;
    return held.chat;
  }

  release(chat: Chat): void {
    const held = this.chats.get(chat.chatId);
    if (held?.chat !== chat) {
      return;
    }
    held.users -= 1;
    if (held.users === 0 && this.page.hidden) {
      this.drop(chat);
    } else if (held.users === 0) {
      held.timer = window.setTimeout(() => this.drop(chat), LINGER_MS);
    }
  }

  /**
   * Who answers, and who runs: asked again after a failure, or when the answer is older than
   * `maxAgeMs`; all who want to know at once share one answer.
   */
  health(maxAgeMs = Infinity): Promise<Health> {
    if (!this.asked || performance.now() - this.askedAt >= maxAgeMs) {
      const asked = this.rest.health();
      asked.catch(() => (this.asked = this.asked === asked ? null : this.asked));
      this.asked = asked;
      this.askedAt = performance.now();
    }
    return this.asked;
  }

  /** Connect everything now. */
  hurry(): void {
    this.overview.hurry();
    this.chats.forEach(({ chat }) => chat.hurry());
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.isDisposed = true;
      this.overview.dispose();
      this.chats.forEach(({ chat }) => chat.dispose());
      this.chats.clear();
    }
  }

  private drop(chat: Chat): void {
    this.chats.delete(chat.chatId);
    chat.dispose();
  }

  /** Nobody sees the page: what no view shows is not kept for the next one. */
  private sweep(): void {
    for (const { chat, users, timer } of this.chats.values()) {
      if (users === 0) {
        window.clearTimeout(timer);
        this.drop(chat);
      }
    }
  }

  private openCreated(): void {
    for (const { chat } of this.chats.values()) {
      if (chat.missing && this.overview.chats.has(chat.chatId)) {
        chat.open();
      }
    }
  }
}
