/**
 * Asks before a kernel with running tasks is restarted or shut down from this page.
 *
 * JupyterLab has no hook before a shutdown, so the two calls of a session's kernel that end a
 * process are led through the question; nothing else of it is touched.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Kernel } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { Widget } from '@lumino/widgets';

import { isEnded } from '../state/model';
import type { Sparky } from '../tokens';
import { ISparky } from '../tokens';
import type { NotebookPanel } from './notebook';
import { isSameFile } from './paths';

const guarded = new WeakSet<Kernel.IKernelConnection>();

/** Whether the person wants it in spite of what is running. */
async function mayEnd(sparky: Sparky, path: string): Promise<boolean> {
  const { trans, hub, settings } = sparky;
  const running = hub.overview
    .list()
    .filter(task => !isEnded(task.state) && isSameFile(task.origin?.path, path));
  if (running.length === 0 || !settings.warnBeforeShutdown) {
    return true;
  }
  const names = running.map(task => task.name ?? task.task_id).slice(0, 5);
  const { button } = await showDialog({
    title: trans._n(
      '%1 task is running in this kernel',
      '%1 tasks are running in this kernel',
      running.length,
      running.length
    ),
    body: trans.__('It ends with the kernel: %1', names.join(', ')),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Keep it running') }),
      Dialog.warnButton({ label: trans.__('End it') })
    ]
  });
  return button.accept;
}

function guard(sparky: Sparky, kernel: Kernel.IKernelConnection, path: () => string): void {
  if (guarded.has(kernel)) {
    return;
  }
  guarded.add(kernel);
  const restart = kernel.restart.bind(kernel);
  const shutdown = kernel.shutdown.bind(kernel);
  kernel.restart = async () => {
    if (await mayEnd(sparky, path())) {
      await restart();
    }
  };
  kernel.shutdown = async () => {
    if (await mayEnd(sparky, path())) {
      await shutdown();
    }
  };
}

export const guardPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:guard',
  description: 'Asks before a kernel with running tasks is ended.',
  autoStart: true,
  requires: [ISparky],
  activate: (app: JupyterFrontEnd, sparky: Sparky): void => {
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew(panel: Widget, context: DocumentRegistry.Context): IDisposable {
        const { sessionContext } = (panel as NotebookPanel).context;
        const watch = (): void => {
          const kernel = sessionContext.session?.kernel;
          if (kernel) {
            guard(sparky, kernel, () => context.path);
          }
        };
        sessionContext.kernelChanged.connect(watch);
        watch();
        return new DisposableDelegate(() => sessionContext.kernelChanged.disconnect(watch));
      }
    });
  }
};
