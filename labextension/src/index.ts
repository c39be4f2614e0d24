import { corePlugin } from './plugins/core';
import { guardPlugin } from './plugins/guard';
import { notifyPlugin } from './plugins/notify';
import { panelPlugin } from './plugins/panel';
import { putBackPlugin } from './plugins/putback';
import { statusPlugin } from './plugins/status';

export default [corePlugin, panelPlugin, statusPlugin, putBackPlugin, notifyPlugin, guardPlugin];
