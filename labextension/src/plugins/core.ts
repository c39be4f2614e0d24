/** The hub, the actions, and the renderer of tasks in outputs. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { InlineTask } from '../inline/renderer';
import type { Sparky } from '../tokens';
import { ISparky, MIME_TYPE } from '../tokens';
import { Hub } from '../transport/hub';
import { Rest } from '../transport/rest';
import { makeActions } from './actions';
import { PLUGIN_ID, SettingsStore } from './settings';

/** Before the ipywidgets form, which needs a kernel. */
const RANK = -100;

export const corePlugin: JupyterFrontEndPlugin<Sparky> = {
  id: PLUGIN_ID,
  description: 'Watches tasks of sparky_nb and draws them under their cells.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ISettingRegistry, ITranslator],
  provides: ISparky,
  activate: (
    app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ): Sparky => {
    const trans = (translator ?? nullTranslator).load('sparky_nb');
    const store = new SettingsStore();
    const hub = new Hub(new Rest(app.serviceManager.serverSettings));
    const actions = makeActions(app, hub, trans, store);
    if (registry) {
      store.load(registry).catch(actions.report);
    }
    const sparky: Sparky = {
      hub,
      rest: hub.rest,
      rendermime,
      trans,
      actions,
      get settings() {
        return store.values;
      },
      settingsChanged: store.changed
    };
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [MIME_TYPE],
        defaultRank: RANK,
        createRenderer: () => new InlineTask(sparky)
      },
      RANK
    );
    void app.started.then(() => hub.overview.open());
    return sparky;
  }
};
