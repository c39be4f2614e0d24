/** What a task has used up so far: the tokens, and what they cost where that is known. */

import { useEnv } from './env';
import { number } from './format';
import { countOf, usageWords } from './words';

export function Usage({ usage }: { usage: unknown }): JSX.Element | null {
  const { trans } = useEnv();
  const words = usageWords(trans, usage);
  if (!words) {
    return null;
  }
  const of = (name: string): string => number(countOf(usage, name));
  const details = trans.__(
    'Input %1, output %2, requests %3, tool calls %4',
    of('input_tokens'),
    of('output_tokens'),
    of('requests'),
    of('tool_calls')
  );
  return (
    <span className="sparky-dim sparky-usage" title={details}>
      {words}
    </span>
  );
}
