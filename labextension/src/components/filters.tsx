import { useEnv } from './env';
import type { Filter } from '../state/filter';
import { KINDS } from '../state/filter';

/** Which kinds of entries are shown, and a text to look for. */
export function Filters(props: {
  filter: Filter;
  change: (filter: Filter) => void;
  /** Look further back for what the filter asks for. */
  further: () => void;
}): JSX.Element {
  const { trans } = useEnv();
  const { filter, change, further } = props;
  const names: Record<string, string> = {
    messages: trans.__('Messages'),
    thoughts: trans.__('Thoughts'),
    tools: trans.__('Tool calls'),
    output: trans.__('Output'),
    steps: trans.__('Steps')
  };
  return (
    <div className="sparky-filters" role="group" aria-label={trans.__('Filter')}>
      {KINDS.map(kind => {
        const hidden = filter.hidden.includes(kind);
        return (
          <button
            key={kind}
            className="sparky-chip"
            aria-pressed={!hidden}
            disabled={filter.errorsOnly}
            onClick={() =>
              change({
                ...filter,
                hidden: hidden ? filter.hidden.filter(k => k !== kind) : [...filter.hidden, kind]
              })
            }
          >
            {names[kind]}
          </button>
        );
      })}
      <button
        className="sparky-chip"
        aria-pressed={filter.errorsOnly}
        onClick={() => change({ ...filter, errorsOnly: !filter.errorsOnly })}
      >
        {trans.__('Errors only')}
      </button>
      <input
        className="sparky-input sparky-search"
        type="search"
        value={filter.text}
        placeholder={trans.__('Search')}
        aria-label={trans.__('Search')}
        onChange={event => change({ ...filter, text: event.target.value })}
        onKeyDown={event => event.key === 'Enter' && filter.text.trim() !== '' && further()}
      />
    </div>
  );
}
