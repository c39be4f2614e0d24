/** What the plugins share. */

import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { Hub } from './transport/hub';
import type { Rest } from './transport/rest';

export const MIME_TYPE = 'application/vnd.sparky-nb.task.v1+json';

/** What an output of a notebook holds of a task: ids, nothing else. */
export interface TaskRef {
  v: number;
  task_id: string;
  chat_id: string;
  log_id?: string;
}

/** Where a task came from. */
export interface Origin {
  path?: string;
  cell_id?: string;
  /** The execution of the cell. */
  run?: string;
}

export interface Settings {
  putBack: boolean;
  notify: 'never' | 'hidden';
  foldThoughts: boolean;
  warnBeforeShutdown: boolean;
  archivedChats: string[];
}

export const DEFAULTS: Settings = {
  putBack: true,
  notify: 'hidden',
  foldThoughts: true,
  warnBeforeShutdown: true,
  archivedChats: []
};

/** A place in a chat. */
export interface Place {
  chatId: string;
  taskId?: string | undefined;
  offset?: number | undefined;
}

/** What views ask the application for. */
export interface Actions {
  openChat(place: Place): void;
  openOrigin(origin: Origin): void;
  cancel(taskId: string): Promise<void>;
  retry(taskId: string): Promise<void>;
  exportTask(chatId: string, taskId: string): Promise<void>;
  deleteRecord(chatId: string, taskId: string): Promise<void>;
  renameChat(chatId: string): Promise<void>;
  archiveChat(chatId: string, archived: boolean): Promise<void>;
  deleteChat(chatId: string): Promise<void>;
  removeSchedule(scheduleId: string, name: string): Promise<void>;
  copy(text: string): void;
  permalink(place: Place): string;
  report: (this: void, error: unknown) => void;
}

/** All that a view is handed: views reach for nothing else. */
export interface Sparky {
  readonly hub: Hub;
  readonly rest: Rest;
  readonly rendermime: IRenderMimeRegistry;
  readonly trans: TranslationBundle;
  readonly actions: Actions;
  readonly settings: Settings;
  readonly settingsChanged: ISignal<unknown, void>;
}

export const ISparky = new Token<Sparky>(
  '@sparky-nb/labextension:ISparky',
  'Watches chats and tasks of sparky_nb over the server.'
);
