/** What a task has used up so far: the tokens, and what they cost where that is known. */

import { useEnv } from './env';
import { money, number } from './format';

export function Usage({ usage }: { usage: unknown }): JSX.Element | null {
  const { trans } = useEnv();
  const of = (name: string): number => countOf(usage, name);
  const tokens = of('input_tokens') + of('output_tokens');
  const shown = [
    tokens > 0 ? trans._n('%2 token', '%2 tokens', tokens, number(tokens)) : '',
    of('cost_usd') > 0 ? money(of('cost_usd')) : ''
  ].filter(Boolean);
  if (shown.length === 0) {
    return null;
  }
  const details = trans.__(
    'Input %1, output %2, requests %3, tool calls %4',
    number(of('input_tokens')),
    number(of('output_tokens')),
    number(of('requests')),
    number(of('tool_calls'))
  );
  return (
    <span className="sparky-dim sparky-usage" title={details}>
      {shown.join(' · ')}
    </span>
  );
}

/** A count that a task has told, whatever that is. */
function countOf(usage: unknown, name: string): number {
  const value = (usage as Record<string, unknown> | null | undefined)?.[name];
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}
