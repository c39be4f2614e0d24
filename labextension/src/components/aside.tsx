/** When an event was, and an address that leads to it: shown to whoever points at it or tabs there. */

import { linkIcon } from '@jupyterlab/ui-components';

import { Button } from './actions';
import { useEnv } from './env';
import { clock, moment } from './format';

export function Aside(props: { chatId: string; offset: number; time: number }): JSX.Element {
  const { trans, actions } = useEnv();
  const { chatId, offset, time } = props;
  return (
    <span className="sparky-aside">
      <time dateTime={new Date(time).toISOString()} title={moment(time)}>
        {clock(time)}
      </time>
      <Button
        label={trans.__('Copy a link to this event')}
        icon={<linkIcon.react tag="span" />}
        run={() => actions.copy(actions.permalink({ chatId, offset }))}
      />
    </span>
  );
}
