/** The status bar's word about running tasks. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ReactWidget } from '@jupyterlab/ui-components';

import { Connection } from '../components/connection';
import { EnvContext, useBeat, useEnv } from '../components/env';
import { sparkIcon } from '../components/state';
import type { Sparky } from '../tokens';
import { ISparky } from '../tokens';

function Summary({ open }: { open: () => void }): JSX.Element {
  const { hub, trans } = useEnv();
  useBeat(hub.overview.beat);
  const { active, info } = hub.overview;
  const waiting = hub.overview.list().filter(task => task.state === 'waiting').length;
  const text = active === 0 ? trans.__('Sparky') : trans._n('%1 task', '%1 tasks', active, active);
  const asks = waiting ? ` · ${trans._n('%1 question', '%1 questions', waiting, waiting)}` : '';
  return (
    <span className="sparky-statusbar">
      <button
        className="sparky-statusbar-button"
        title={trans.__('Show tasks and chats')}
        onClick={open}
      >
        <sparkIcon.react tag="span" width="14px" />
        {text}
        {asks}
      </button>
      {info.state !== 'live' && <Connection info={info} hurry={() => hub.hurry()} />}
    </span>
  );
}

export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:status',
  description: 'Running tasks in the status bar.',
  autoStart: true,
  requires: [ISparky],
  optional: [IStatusBar],
  activate: (app: JupyterFrontEnd, sparky: Sparky, statusBar: IStatusBar | null): void => {
    if (!statusBar) {
      return; // Notebook 7 has none
    }
    const open = (): void => void app.commands.execute('sparky:open-panel');
    const item = ReactWidget.create(
      <EnvContext.Provider value={sparky}>
        <Summary open={open} />
      </EnvContext.Provider>
    );
    item.addClass('sparky-statusitem');
    statusBar.registerStatusItem('sparky-nb:status', { item, align: 'left', rank: 50 });
  }
};
