import { memo } from 'react';

import type { Bar } from '../state/model';
import { useEnv } from './env';
import { left, number, pace, rate } from './format';

/** All progress bars of a task: what is done, how fast, how long the rest takes. */
export const Progress = memo(function Progress(props: {
  bars: Record<string, Bar>;
  /** Changes with the bars: they are changed in place. */
  stamp: string;
  ended: boolean;
}) {
  const names = Object.keys(props.bars);
  return (
    <div className="sparky-progress">
      {names.map(name => (
        <OneBar key={name} name={name} bar={props.bars[name] as Bar} ended={props.ended} />
      ))}
    </div>
  );
});

export function stampOf(bars: Record<string, Bar>): string {
  return Object.values(bars)
    .map(bar => bar.offset)
    .join();
}

function OneBar({ name, bar, ended }: { name: string; bar: Bar; ended: boolean }): JSX.Element {
  const { trans } = useEnv();
  const done = toNumber(bar['done']) ?? 0;
  const total = toNumber(bar['total']);
  const from = toNumber(bar.from) ?? 0;
  const { fraction, perSecond, leftMs } = pace({ ...bar, done, total, from });
  const unit = typeof bar['unit'] === 'string' ? bar['unit'] : '';
  const message = typeof bar['message'] === 'string' ? bar['message'] : '';
  const label = message || (name === 'main' ? trans.__('Progress') : name);
  const facts = [
    total === null ? `${number(done)} ${unit}` : `${number(done)} / ${number(total)} ${unit}`,
    perSecond === null ? '' : trans.__('%1/s', rate(perSecond)),
    ended || leftMs === null ? '' : trans.__('%1 left', left(leftMs))
  ];
  const percent = fraction === null ? null : Math.floor(fraction * 100);
  return (
    <div className="sparky-bar" data-sparky-event={bar.offset}>
      <div className="sparky-bar-text">
        <span className="sparky-bar-label">{label}</span>
        <span className="sparky-bar-facts">{facts.filter(f => f.trim()).join(' · ')}</span>
      </div>
      <div
        className={`sparky-bar-track${fraction === null && !ended ? ' sparky-mod-open' : ''}`}
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        {...(percent === null ? {} : { 'aria-valuenow': percent })}
      >
        <div className="sparky-bar-fill" style={{ width: `${percent ?? (ended ? 100 : 30)}%` }} />
      </div>
    </div>
  );
}

function toNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
