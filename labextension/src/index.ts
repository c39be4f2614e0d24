import { corePlugin } from './plugins/core';
import { notifyPlugin } from './plugins/notify';
import { panelPlugin } from './plugins/panel';
import { putBackPlugin } from './plugins/putback';
import { statusPlugin } from './plugins/status';

export default [corePlugin, panelPlugin, statusPlugin, putBackPlugin, notifyPlugin];
