/** What views ask the application for, done with JupyterLab's dialogs, commands and notices. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { taskName } from '../state/text';
import type { Actions, Origin, Place } from '../tokens';
import type { Hub } from '../transport/hub';
import { ApiError } from '../transport/rest';
import { exportPage } from './export';
import type { NotebookPanel } from './notebook';
import { findCell } from './notebook';
import { localPath } from './paths';
import type { SettingsStore } from './settings';

export const HASH = 'sparky';

export function makeActions(
  app: JupyterFrontEnd,
  hub: Hub,
  trans: TranslationBundle,
  settings: SettingsStore
): Actions {
  const { rest } = hub;
  const titleOf = (chatId: string): string => hub.overview.titleOf(chatId);

  const sure = async (title: string, body: string, label: string): Promise<boolean> => {
    const { button } = await showDialog({
      title,
      body,
      buttons: [Dialog.cancelButton(), Dialog.warnButton({ label })]
    });
    return button.accept;
  };

  const nameOf = async (taskId: string): Promise<string> =>
    taskName(hub.overview.tasks.get(taskId) ?? (await rest.task(taskId)));

  const actions: Actions = {
    openChat(place: Place): void {
      void app.commands.execute('sparky:open-chat', { ...place });
    },

    openOrigin(origin: Origin): void {
      if (origin.path) {
        void openCell(app, localPath(origin.path), origin.cell_id).catch(actions.report);
      }
    },

    async cancel(taskId) {
      await rest.cancel(taskId);
    },

    async retry(taskId) {
      const task = await rest.retry(taskId);
      Notification.info(trans.__('Runs again as %1', task.name ?? task.task_id), {
        autoClose: 3000
      });
    },

    async exportTask(chatId, taskId) {
      const { name, html } = await exportPage(rest, trans, chatId, taskId);
      download(name, html);
    },

    async deleteRecord(chatId, taskId) {
      const ok = await sure(
        trans.__('Delete the record of “%1”?', await nameOf(taskId)),
        trans.__(
          'What it said and did is removed for everybody and cannot be brought back. How it ended stays, with its result or error.'
        ),
        trans.__('Delete')
      );
      if (ok) {
        await rest.redact(chatId, await offsetsOf(rest, chatId, taskId));
        await hub.overview.reload();
      }
    },

    async renameChat(chatId) {
      const before = titleOf(chatId);
      const { value } = await InputDialog.getText({
        title: trans.__('Rename the chat'),
        text: before,
        okLabel: trans.__('Rename')
      });
      const title = value?.trim();
      if (title && title !== before) {
        await rest.renameChat(chatId, title);
      }
    },

    async archiveChat(chatId, archived) {
      const others = settings.values.archivedChats.filter(id => id !== chatId);
      await settings.set('archivedChats', archived ? [...others, chatId] : others);
    },

    async deleteChat(chatId) {
      const ok = await sure(
        trans.__('Delete the chat “%1”?', titleOf(chatId)),
        trans.__('Its tasks and their history are removed for everybody.'),
        trans.__('Delete')
      );
      if (!ok) {
        return;
      }
      try {
        await rest.deleteChat(chatId, false);
      } catch (error) {
        const running = error instanceof ApiError && error.status === 409;
        if (
          running &&
          (await sure(
            trans.__('Tasks of this chat are still running'),
            trans.__('They are cancelled first.'),
            trans.__('Cancel them and delete')
          ))
        ) {
          await rest.deleteChat(chatId, true);
        } else if (!running) {
          throw error;
        }
      }
    },

    async removeSchedule(scheduleId, name) {
      const ok = await sure(
        trans.__('Remove this schedule?'),
        trans.__('“%1” does not start by itself any more. Its tasks stay.', name),
        trans.__('Remove')
      );
      if (ok) {
        await rest.removeSchedule(scheduleId);
      }
    },

    copy(text) {
      Clipboard.copyToSystem(text);
      Notification.info(trans.__('Copied'), { autoClose: 1500 });
    },

    permalink({ chatId, taskId, offset }) {
      const query = new URLSearchParams({ chat: chatId });
      if (taskId) {
        query.set('task', taskId);
      }
      if (offset !== undefined) {
        query.set('offset', String(offset));
      }
      const path = URLExt.join(PageConfig.getBaseUrl(), 'lab');
      return `${new URL(path, window.location.href).href}#${HASH}?${query.toString()}`;
    },

    report(error) {
      const text = error instanceof Error ? error.message : String(error);
      Notification.error(trans.__('Sparky: %1', text), { autoClose: 8000 });
    }
  };
  return actions;
}

/** Where a link leads, or null where it leads elsewhere. */
export function placeOf(hash: string): Place | null {
  const [name, query = ''] = hash.replace(/^#/, '').split('?');
  const parts = new URLSearchParams(query);
  const chatId = parts.get('chat');
  if (name !== HASH || !chatId) {
    return null;
  }
  const offset = Number(parts.get('offset') ?? NaN);
  return {
    chatId,
    taskId: parts.get('task') ?? undefined,
    offset: Number.isInteger(offset) ? offset : undefined
  };
}

async function openCell(app: JupyterFrontEnd, path: string, cellId?: string): Promise<void> {
  const opened = (await app.commands.execute('docmanager:open', { path })) as
    NotebookPanel | undefined;
  if (!opened || !cellId) {
    return;
  }
  await opened.context.ready;
  const found = findCell(opened, cellId);
  if (found) {
    opened.content.activeCellIndex = found.index;
    await opened.content.scrollToItem?.(found.index, 'center');
  }
}

/** All offsets of a task but its newest `status`, which its state rests on. */
async function offsetsOf(rest: Hub['rest'], chatId: string, taskId: string): Promise<number[]> {
  const row = await rest.task(taskId);
  const offsets: number[] = [];
  let newest = 0;
  let after = (row.first ?? 1) - 1;
  const last = row.last ?? Infinity;
  while (after < last) {
    const { events } = await rest.events(chatId, { after, limit: 5_000 });
    for (const event of events) {
      if (event.task_id === taskId && event.type !== 'redacted') {
        offsets.push(event.offset);
        newest = event.type === 'status' ? event.offset : newest;
      }
    }
    if (events.length === 0) {
      break;
    }
    after = events[events.length - 1]?.offset ?? last;
  }
  return offsets.filter(offset => offset !== newest);
}

function download(name: string, html: string): void {
  const url = URL.createObjectURL(new Blob([html], { type: 'text/html' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
