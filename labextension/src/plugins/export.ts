/** One task's history as a page that needs nothing else: no scripts, no addresses. */

import { clock, duration, moment } from '../components/format';
import { tame } from '../components/terminal';
import { Fold, LIMITS } from '../state/fold';
import type { Entry, Task } from '../state/model';
import type { Rest } from '../transport/rest';

export async function exportPage(
  rest: Rest,
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
  const html = taskPage(taskId, fold.state.tasks[taskId] ?? null, fold.state.timeline);
  return { name: `${taskId}.html`, html };
}

/** The page; everything in it is escaped text. */
export function taskPage(taskId: string, task: Task | null, entries: Entry[]): string {
  const title = task?.name ?? taskId;
  const took = task?.ended && task.started ? duration(task.ended - task.started) : '';
  const rows = entries.map(row).join('\n');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-left: 3px solid #8884; padding: .2rem 1rem; margin: .6rem 0; }
header { opacity: .65; font-size: .85em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0; }
</style>
</head>
<body>
<h1>${escape(title)}</h1>
<p>${escape([taskId, task?.state ?? '', took, task ? moment(task.created) : ''].filter(Boolean).join(' · '))}</p>
${rows}
</body>
</html>
`;
}

function row(entry: Entry): string {
  const text = entry.pieces?.map(piece => piece[1]).join('');
  const data = Object.keys(entry.data).length ? JSON.stringify(entry.data, null, 1) : '';
  const parts = [text === undefined ? data : tame(text)];
  if (entry.result) {
    parts.push(`→ ${JSON.stringify(entry.result.result, null, 1)}`);
  }
  if (entry.answer) {
    parts.push(`→ ${String(entry.answer.text)}`);
  }
  const head = `#${entry.offset} · ${clock(entry.time)} · ${entry.type} · ${entry.actor}`;
  const body = parts.filter(Boolean).map(part => `<pre>${escape(part)}</pre>`);
  return `<section><header>${escape(head)}</header>${body.join('')}</section>`;
}

function escape(text: string): string {
  return text.replace(
    /[&<>"']/g,
    c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c] as string
  );
}
