/** Where there is nothing: one calm sentence, what to do next, and how. */

import type { ReactNode } from 'react';

export function Empty(props: { children: ReactNode; actions?: ReactNode }): JSX.Element {
  return (
    <div className="sparky-empty">
      <p>{props.children}</p>
      {props.actions && <div className="sparky-empty-actions">{props.actions}</div>}
    </div>
  );
}
