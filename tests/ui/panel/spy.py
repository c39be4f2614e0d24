"""What of ours a page holds open and tells: sockets, what waits for a time or a frame, notices."""

from __future__ import annotations

from typing import Final

# For ``add_init_script``. Each socket with how far it has heard; of what waits, and of all that was
# ever asked for, who asked.
SPY: Final = """
Error.stackTraceLimit = 100;
window.spied = {sockets: [], waiting: new Map(), asked: []};
window.WebSocket = class extends window.WebSocket {
  constructor(...args) {
    super(...args);
    const found = /sparky\\/api\\/v1\\/chats\\/([^/]+)\\/socket/.exec(args[0]);
    if (found) {
      const held = {chat: decodeURIComponent(found[1]), socket: this, offset: 0};
      window.spied.sockets.push(held);
      this.addEventListener('message', ({data}) => {
        const frame = JSON.parse(data);
        if (frame.t === 'events') held.offset = frame.offset + frame.events.length - 1;
      });
    }
  }
};
for (const [set, clear] of [['setTimeout', 'clearTimeout'], ['setInterval', 'clearInterval'],
    ['requestAnimationFrame', 'cancelAnimationFrame']]) {
  const [realSet, realClear] = [window[set].bind(window), window[clear].bind(window)];
  window[set] = (then, ...rest) => {
    const { stack } = new Error();
    if (typeof then !== 'function' || !stack.includes('extensions/@sparky-nb')) {
      return realSet(then, ...rest);
    }
    const id = realSet((...args) => {
      if (set !== 'setInterval') window.spied.waiting.delete(set + id);
      then(...args);
    }, ...rest);
    const long = set === 'setInterval' || rest[0] >= 2000;
    window.spied.waiting.set(set + id, long && stack);
    window.spied.asked.push(stack);
    return id;
  };
  window[clear] = id => { window.spied.waiting.delete(set + id); realClear(id); };
}
window.beSeen = seen => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => !seen});
  document.dispatchEvent(new Event('visibilitychange'));
};
"""
# Hide the page, and say what still repeats or is far off right then.
HIDE: Final = (
    """() => { beSeen(false); return [...spied.waiting.values()].filter(stack => stack); }"""
)
OPEN: Final = """() => spied.sockets.filter(each => each.socket.readyState === WebSocket.OPEN)
  .map(each => [each.chat, each.offset])"""

# For ``add_init_script``: what the desktop was told; ``hide(true)``: nobody sees the page.
NOTICES: Final = """
window.notices = [];
window.Notification = class {
  static permission = 'granted';
  static requestPermission = async () => 'granted';
  constructor(title, options) { Object.assign(this, {title, ...options}); notices.push(this); }
};
let hidden = false;
Object.defineProperty(document, 'hidden', {get: () => hidden});
window.hide = value => { hidden = value; document.dispatchEvent(new Event('visibilitychange')); };
"""
