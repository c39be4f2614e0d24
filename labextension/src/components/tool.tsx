/** A call of a tool and what came of it, as one card. */

import type { Entry } from '../state/model';
import { Aside } from './aside';
import { useEnv } from './env';
import { duration } from './format';
import { StateIcon } from './state';
import { str } from './text';
import { Value } from './value';

/** A result whose call is further back than what is loaded. */
export function lateResult(entry: Entry): Entry {
  const { status, result, duration_ms, name } = entry.data;
  const { offset, time } = entry;
  return { ...entry, data: { name }, result: { offset, time, status, result, duration_ms } };
}

export function Tool(props: {
  entry: Entry;
  chatId: string;
  mark?: number | undefined;
  /** Its task has ended: no result will come. */
  over: boolean;
}): JSX.Element {
  const { entry, chatId, mark, over } = props;
  const { trans } = useEnv();
  const { data, result } = entry;
  const status = result ? str(result.status) : over ? 'open' : 'running';
  const args = data['args'];
  const empty = args === null || typeof args !== 'object' || Object.keys(args).length === 0;
  return (
    <div className={`sparky-tool sparky-tool-${status}`} data-status={status}>
      <div className="sparky-tool-head">
        <StateIcon
          state={
            { success: 'completed', error: 'failed', denied: 'cancelled', open: 'open' }[status] ??
            'running'
          }
        />
        <code>{str(data['name'])}</code>
        {result && typeof result.duration_ms === 'number' && (
          <span className="sparky-dim">{duration(result.duration_ms)}</span>
        )}
        {status === 'open' && <span className="sparky-dim">{trans.__('no result')}</span>}
        {status === 'denied' && <span className="sparky-dim">{trans.__('denied')}</span>}
      </div>
      {!empty && (
        <div className="sparky-tool-args">
          <Value value={args} chatId={chatId} />
        </div>
      )}
      {result && (
        <div
          className={resultClass(result.result === null, mark === result.offset)}
          data-sparky-event={result.offset === entry.offset ? undefined : result.offset}
          aria-current={mark === result.offset ? 'true' : undefined}
        >
          {result.result !== null && <Value value={result.result} chatId={chatId} />}
          {result.offset !== entry.offset && (
            <Aside chatId={chatId} offset={result.offset} time={result.time} />
          )}
        </div>
      )}
    </div>
  );
}

function resultClass(empty: boolean, marked: boolean): string {
  const names = ['sparky-tool-result', empty && 'sparky-mod-empty', marked && 'sparky-mod-marked'];
  return names.filter(Boolean).join(' ');
}
