/** Tells the desktop that a task has ended while nobody was looking at the page. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { tame } from '../components/terminal';
import { isEnded } from '../state/model';
import type { Sparky } from '../tokens';
import { ISparky } from '../tokens';
import type { Move } from '../transport/overview';

/** Of a task's name; desktops cut in their own ways, some in the middle of what is said. */
const MOST_CHARS = 120;

export const notifyPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:notify',
  description: 'Desktop notices of tasks that ended or ask something.',
  autoStart: true,
  requires: [ISparky],
  activate: (app: JupyterFrontEnd, sparky: Sparky): void => {
    const { trans, hub, actions } = sparky;
    app.commands.addCommand('sparky:allow-notices', {
      label: trans.__('Allow Desktop Notices of Finished Tasks'),
      execute: () => Notification.requestPermission()
    });
    const words: Record<string, string> = {
      completed: trans.__('completed'),
      failed: trans.__('failed'),
      lost: trans.__('was lost'),
      waiting: trans.__('asks something')
    };
    hub.overview.onMove(({ item, before }: Move) => {
      const word = words[item.state];
      const news = item.state !== before && before !== null && !isEnded(before);
      if (
        !word ||
        !news ||
        !document.hidden ||
        sparky.settings.notify === 'never' ||
        !('Notification' in window) ||
        Notification.permission !== 'granted'
      ) {
        return;
      }
      const name = tame(item.name ?? item.task_id).slice(0, MOST_CHARS);
      const notice = new Notification(`${name} ${word}`, {
        tag: item.task_id
      });
      notice.onclick = () => {
        window.focus();
        actions.openChat({ chatId: item.chat_id, taskId: item.task_id });
      };
    });
  }
};
