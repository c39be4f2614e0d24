/** The HTTP calls of protocol.md §2. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Event, Json, State } from '../state/model';
import { textOf } from '../state/text';
import type { Gap } from '../wire/generated';

export interface Snapshot {
  epoch: string;
  offset: number;
  state: State;
}

export interface EventPage {
  epoch: string;
  earliest: number;
  head: number;
  events: Event[];
  gap?: Gap;
}

export interface ChatRow {
  chat_id: string;
  title: string | null;
  head: number;
  updated: number;
  owner?: string | null;
  tasks: Record<string, number>;
  viewers?: number;
}

export interface TaskRow {
  task_id: string;
  chat_id: string;
  name: string | null;
  kind: string;
  state: string;
  attempt: number;
  instruction?: string | null;
  progress: Json | null;
  created: number;
  started: number | null;
  ended: number | null;
  error: Json | null;
  origin: { path?: string; cell_id?: string; run?: string } | null;
  retry_of?: string | null;
  runner?: string | null;
  first?: number;
  last?: number;
}

/** A schedule as the server tells it; `words` say its rule, in its own time zone. */
export interface ScheduleRow {
  schedule_id: string;
  chat_id: string;
  kind: 'every' | 'cron' | 'at';
  spec: string;
  timezone: string;
  instruction: string | null;
  call: string | null;
  name: string | null;
  from: string;
  state: 'active' | 'paused' | 'ended';
  next_at: number | null;
  last_at: number | null;
  last_task: string | null;
  /** Not told by a server that is older than this page. */
  last_state?: string | null;
  fired: number;
  coalesced: number;
  revision: number;
  words: string;
  needs?: string | null;
}

export interface Health {
  version?: string;
  log?: { id?: string; kind?: string };
  runners?: { runner_id: string; role: string; chat_id: string | null }[];
  warnings?: { code: string; message: string }[];
}

/** An answer that was not the one asked for. `status` 0: there was none. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterMs = 0,
    /** What was wrong with which field of what was sent. */
    readonly fault: { field: string; rule: string } | null = null
  ) {
    super(message);
  }
}

/** Of one request, and so of one `redaction`. */
const REDACTED_AT_ONCE = 10_000;

/** The server's API, as the person who is signed in. */
export class Rest {
  constructor(readonly settings: ServerConnection.ISettings) {}

  health(): Promise<Health> {
    return this.get<Health>('health');
  }

  async chats(): Promise<ChatRow[]> {
    return listOf<ChatRow>(await this.get('chats'), 'chats');
  }

  async tasks(query: { chat?: string; state?: string; limit?: number } = {}): Promise<TaskRow[]> {
    const text = URLExt.objectToQueryString(query);
    return listOf<TaskRow>(await this.get(`tasks${text}`), 'tasks');
  }

  task(taskId: string): Promise<TaskRow> {
    return this.get(`tasks/${part(taskId)}`);
  }

  snapshot(chatId: string): Promise<Snapshot> {
    return this.get(`chats/${part(chatId)}/snapshot`);
  }

  /** Events after an offset, or the last before one; oldest first. */
  events(
    chatId: string,
    query: { epoch?: string; after?: number; before?: number; limit: number }
  ): Promise<EventPage> {
    const text = URLExt.objectToQueryString(query);
    return this.get(`chats/${part(chatId)}/events${text}`);
  }

  blobUrl(chatId: string, sha256: string): string {
    return this.url(`chats/${part(chatId)}/blobs/${part(sha256)}`);
  }

  createChat(title: string): Promise<ChatRow> {
    return this.send('POST', 'chats', { title });
  }

  renameChat(chatId: string, title: string): Promise<ChatRow> {
    return this.send('PATCH', `chats/${part(chatId)}`, { title });
  }

  async deleteChat(chatId: string, force: boolean): Promise<void> {
    await this.raw('DELETE', `chats/${part(chatId)}${force ? '?force=1' : ''}`);
  }

  /** However many: the server takes so many at once. */
  async redact(chatId: string, offsets: number[]): Promise<void> {
    for (let n = 0; n < offsets.length; n += REDACTED_AT_ONCE) {
      const some = offsets.slice(n, n + REDACTED_AT_ONCE);
      await this.raw('POST', `chats/${part(chatId)}/redact`, { offsets: some });
    }
  }

  instruct(chatId: string, instruction: string): Promise<TaskRow> {
    return this.send('POST', `chats/${part(chatId)}/tasks`, { instruction });
  }

  retry(taskId: string): Promise<TaskRow> {
    return this.send('POST', `tasks/${part(taskId)}/retry`, {});
  }

  async cancel(taskId: string): Promise<void> {
    await this.raw('POST', `tasks/${part(taskId)}/cancel`, {});
  }

  async message(taskId: string, text: string): Promise<void> {
    await this.raw('POST', `tasks/${part(taskId)}/message`, { text });
  }

  async answer(taskId: string, questionId: string, answer: string): Promise<void> {
    await this.raw('POST', `tasks/${part(taskId)}/answer`, { question_id: questionId, answer });
  }

  async schedules(): Promise<ScheduleRow[]> {
    return listOf<ScheduleRow>(await this.get('schedules'), 'schedules');
  }

  schedule(scheduleId: string): Promise<ScheduleRow> {
    return this.get(`schedules/${part(scheduleId)}`);
  }

  addSchedule(wanted: Json): Promise<ScheduleRow> {
    return this.send('POST', 'schedules', wanted);
  }

  /** Pause or resume it, or run it now. */
  async changeSchedule(
    scheduleId: string,
    change: { state: 'active' | 'paused' } | { run: true }
  ): Promise<void> {
    await this.raw('PATCH', `schedules/${part(scheduleId)}`, change);
  }

  async removeSchedule(scheduleId: string): Promise<void> {
    await this.raw('DELETE', `schedules/${part(scheduleId)}`);
  }

  /** The address of a chat's socket. */
  socketUrl(chatId: string, query: Record<string, string>): string {
    const { settings } = this;
    const all = { ...query };
    if (settings.appendToken && settings.token) {
      all['token'] = settings.token;
    }
    return (
      URLExt.join(settings.wsUrl, 'sparky/api/v1/chats', part(chatId), 'socket') +
      URLExt.objectToQueryString(all)
    );
  }

  private url(path: string): string {
    return URLExt.join(this.settings.baseUrl, 'sparky/api/v1') + '/' + path;
  }

  private async get<T>(path: string): Promise<T> {
    return (await (await this.raw('GET', path)).json()) as T;
  }

  private async send<T>(method: string, path: string, body: Json): Promise<T> {
    return (await (await this.raw(method, path, body)).json()) as T;
  }

  private async raw(method: string, path: string, body?: Json): Promise<Response> {
    const init: RequestInit = { method, cache: 'no-store' };
    if (body) {
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(this.url(path), init, this.settings);
    } catch (error) {
      throw new ApiError(0, 'unreachable', error instanceof Error ? error.message : String(error));
    }
    if (!response.ok) {
      throw await apiError(response);
    }
    return response;
  }
}

async function apiError(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get('Retry-After') ?? 0) * 1000;
  try {
    const { error, message } = (await response.json()) as { error?: Json; message?: string };
    const text = textOf(error?.['message'], message ?? response.statusText);
    const field = textOf(error?.['field']);
    const fault = field ? { field, rule: textOf(error?.['rule'], text) } : null;
    return new ApiError(response.status, textOf(error?.['code'], 'http'), text, wait, fault);
  } catch {
    return new ApiError(response.status, 'http', response.statusText, wait); // not ours: a proxy's
  }
}

function part(id: string): string {
  return encodeURIComponent(id);
}

/** Lists come bare or under their name, so that a page can be added later. */
function listOf<T>(answer: unknown, name: string): T[] {
  return (Array.isArray(answer) ? answer : ((answer as Json)[name] ?? [])) as T[];
}
