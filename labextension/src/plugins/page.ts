/** One task's history as a page that needs nothing else: no scripts, no addresses, all text escaped. */

import type { TranslationBundle } from '@jupyterlab/translation';

import { clock, duration, moment } from '../components/format';
import { svgAddress } from '../components/svg';
import { tame } from '../components/terminal';
import { str, textOf } from '../components/text';
import { commandWords, stateName, usageWords } from '../components/words';
import { isResultTold, isTold } from '../state/context';
import type { Entry, Json, Task } from '../state/model';
import { elapsed } from '../state/task';
import { personOf, taskName } from '../state/text';

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 56rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin: 0; }
body > p, time, .kind { opacity: .7; font-size: .85rem; }
section { border-left: 3px solid #8883; padding: .1rem 0 .1rem 1rem; margin: .9rem 0; }
section > header { display: flex; gap: .75rem; align-items: baseline; }
section > header b { font-weight: 600; }
section > header time { margin-left: auto; font-variant-numeric: tabular-nums; }
section.message_sent, section.message_received { border-color: #3b82f6; }
section.tool_use { border-color: #8b5cf6; }
section.question { border-color: #f59e0b; }
section.bad { border-color: #dc2626; }
pre { font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: .25rem 0; }
pre + pre { border-top: 1px solid #8883; padding-top: .25rem; }
.message_sent pre, .message_received pre, .thought pre, .question pre { font: inherit; }
img { max-width: 100%; }
`;

export function taskPage(
  trans: TranslationBundle,
  taskId: string,
  task: Task | null,
  entries: Entry[]
): string {
  const title = taskName(task ?? undefined) || taskId;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const about = [
    taskId,
    task ? stateName(trans, task.state, task.cancelling) : '',
    task && task.started !== null ? duration(elapsed(task, Date.now())) : '',
    usageWords(trans, task?.['usage']),
    task ? `${moment(task.created)} (${zone})` : ''
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escape(title)}</h1>
<p>${escape(about.filter(Boolean).join(' · '))}</p>
${entries
  .map((entry, n) => (isTold(entries, n) ? '' : section(trans, entry, isResultTold(entries, n))))
  .filter(Boolean)
  .join('\n')}
</body>
</html>
`;
}

function section(trans: TranslationBundle, entry: Entry, resultTold: boolean): string {
  const { type, data, offset, time } = entry;
  const bad = data['error'] !== undefined || entry.result?.status === 'error' ? ' bad' : '';
  const kind = type.replace(/[^a-z_]/gi, '');
  return `<section class="${kind}${bad}" id="event-${offset}">
<header><b>${escape(heading(trans, entry))}</b><time datetime="${new Date(time).toISOString()}" title="#${offset}">${escape(clock(time))}</time></header>
${body(trans, entry, resultTold).join('\n')}
</section>`;
}

function heading(trans: TranslationBundle, { type, data, result, actor }: Entry): string {
  const took = data['duration_ms'] ?? result?.duration_ms;
  const time = typeof took === 'number' ? ` · ${duration(took)}` : '';
  switch (type) {
    case 'status': {
      const state = str(data['state']);
      return stateName(trans, state === 'running' ? 'started' : state) + time;
    }
    case 'thought':
      return trans.__('Thought');
    case 'message_sent':
      return trans.__('Message');
    case 'message_received':
      return personOf(data['from'] ?? actor) || trans.__('Message to the task');
    case 'tool_use':
    case 'tool_result':
      return `${str(data['name'])}${time}`;
    case 'output':
      return (
        str(data['level']) ||
        (data['stream'] === 'display' ? trans.__('Output') : str(data['stream']))
      );
    case 'question':
      return trans.__('Question');
    case 'command':
      return commandWords(trans, data);
    default:
      return type;
  }
}

function body(trans: TranslationBundle, entry: Entry, resultTold: boolean): string[] {
  const { type, data, result, answer } = entry;
  switch (type) {
    case 'status':
      return [
        text(str(data['instruction'])),
        failure(data['error']),
        resultTold ? '' : json(data['result'])
      ];
    case 'thought':
    case 'message_sent':
      return [text(textOf(entry))];
    case 'message_received':
      return [text(str(data['text']))];
    case 'tool_use':
      return [json(data['args']), result ? json(result.result) : ''];
    case 'tool_result':
      return [json(data['result'])];
    case 'output':
      return data['mime'] ? [bundle(data['mime'] as Json)] : [text(textOf(entry))];
    case 'question': {
      const said = answer
        ? `${personOf(answer.from) || trans.__('Answer')}: ${str(answer.text)}`
        : trans.__('not answered');
      return [text(str(data['prompt'])), text(said)];
    }
    case 'command':
      return [];
    default:
      return [json(data)];
  }
}

function failure(error: unknown): string {
  if (error === null || typeof error !== 'object') {
    return '';
  }
  const { type, message, traceback } = error as Json;
  return text(`${str(type)}: ${str(message)}`) + text(str(traceback));
}

/** What a page can show of a bundle by itself: its image, or else its text. */
function bundle(data: Json): string {
  for (const mime of ['image/png', 'image/jpeg', 'image/gif', 'image/webp']) {
    const image = data[mime];
    if (typeof image === 'string' && /^[\w+/=\s]+$/.test(image)) {
      return `<img alt="" src="data:${mime};base64,${image.replace(/\s/g, '')}">`;
    }
  }
  const svg = data['image/svg+xml'];
  if (typeof svg === 'string') {
    return `<img alt="" src="${svgAddress(svg)}">`;
  }
  return json(data['text/markdown'] ?? data['text/plain'] ?? data);
}

function json(value: unknown): string {
  if (value === undefined || value === null || value === '') {
    return '';
  }
  return text(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}

// eslint-disable-next-line no-control-regex -- colours are escape sequences
const COLOURS = /\x1b\[[0-9;:]*m/g;

function text(given: string): string {
  const plain = tame(given).replace(COLOURS, '').trimEnd();
  return plain ? `<pre>${escape(plain)}</pre>` : '';
}

function escape(given: string): string {
  return given.replace(
    /[&<>"']/g,
    c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c] as string
  );
}
