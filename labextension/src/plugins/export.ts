/** Reads all of a task's history and makes a page of it. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { Fold, LIMITS } from '../state/fold';
import type { Rest } from '../transport/rest';
import { taskPage } from './page';

export async function exportPage(
  rest: Rest,
  trans: TranslationBundle,
  chatId: string,
  taskId: string
): Promise<{ name: string; html: string }> {
  const row = await rest.task(taskId);
  const fold = new Fold(undefined, { ...LIMITS, timeline: 1_000_000, text: 10_000_000 });
  let after = (row.first ?? 1) - 1;
  for (;;) {
    const { events } = await rest.events(chatId, { after, limit: 5_000 });
    events.filter(event => event.task_id === taskId).forEach(event => fold.apply(event));
    const reached = events[events.length - 1]?.offset;
    if (reached === undefined || (row.ended !== null && reached >= (row.last ?? Infinity))) {
      break;
    }
    after = reached;
  }
  const html = taskPage(trans, taskId, fold.state.tasks[taskId] ?? null, fold.state.timeline);
  return { name: `${taskId}.html`, html };
}
