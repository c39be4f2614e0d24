import { LabIcon } from '@jupyterlab/ui-components';

import { useEnv } from './env';
import { stateName } from './words';

const SPARK = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
  <path class="jp-icon3 jp-icon-selectable" fill="#616161"
    d="M13.2 2 4.5 13.4h6.1L9.4 22l9.1-12.2h-6.3z"/>
</svg>`;

export const sparkIcon = new LabIcon({ name: 'sparky-nb:spark', svgstr: SPARK });

/** One shape for each state, so that colour is never the only difference. */
const SHAPES: Record<string, string> = {
  queued: 'M8 3.5v4.7l3 1.8M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  running: 'M8 2a6 6 0 1 1-6 6',
  started: 'M6.7 5.6v4.8L10.6 8ZM14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  open: 'M5.4 8h5.2M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  waiting: 'M6 6a2 2 0 1 1 2.6 1.9c-.4.1-.6.5-.6.9v.4M8 11.5v.1M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  completed: 'm5 8.3 2.1 2.1L11.2 6M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  failed: 'M8 4.8v3.8M8 11.1v.1M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  cancelled: 'M5.2 5.2l5.6 5.6M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z',
  lost: 'M6 6l4 4M10 6l-4 4M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z'
};

export function useStateName(): (state: string | null, cancelling?: boolean) => string {
  const { trans } = useEnv();
  return (state, cancelling) => stateName(trans, state, cancelling);
}

export function StateIcon(props: { state: string | null; cancelling?: boolean }): JSX.Element {
  const name = useStateName()(props.state, props.cancelling);
  return (
    <svg
      className={`sparky-state sparky-state-${props.state ?? 'unknown'}`}
      viewBox="0 0 16 16"
      role="img"
      aria-label={name}
    >
      <title>{name}</title>
      <path d={SHAPES[props.state ?? ''] ?? SHAPES['queued']} />
    </svg>
  );
}
