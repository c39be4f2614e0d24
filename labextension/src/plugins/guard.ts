/**
 * Asks before a kernel with running tasks is restarted, changed or shut down from this page.
 *
 * JupyterLab has no hook before a shutdown, so the few calls that end a kernel's process are led
 * through the question: those of a notebook's session and kernel, and those of the lists of all of
 * them (the running panel's). Nothing else of them is touched.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Kernel, ServiceManager, Session } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { Widget } from '@lumino/widgets';

import { isEnded } from '../state/model';
import type { Sparky } from '../tokens';
import { ISparky } from '../tokens';
import type { NotebookPanel } from './notebook';
import { isSameFile } from './paths';

const guarded = new WeakSet<object>();

/** Whether the person wants it in spite of what is running in these notebooks. */
async function mayEnd(sparky: Sparky, paths: string[]): Promise<boolean> {
  const { trans, hub, settings } = sparky;
  const running = hub.overview
    .list()
    .filter(({ state, origin }) => !isEnded(state) && paths.some(p => isSameFile(origin?.path, p)));
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
    body: trans._n(
      'It ends with the kernel: %2',
      'They end with the kernel: %2',
      running.length,
      running.length,
      names.join(', ')
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Keep it running') }),
      Dialog.warnButton({ label: trans.__('End it') })
    ]
  });
  return button.accept;
}

function guardSession(
  sparky: Sparky,
  session: Session.ISessionConnection,
  path: () => string
): void {
  if (!guarded.has(session)) {
    guarded.add(session);
    const shutdown = session.shutdown.bind(session);
    const changeKernel = session.changeKernel.bind(session);
    session.shutdown = async () => {
      if (!(await mayEnd(sparky, [path()]))) {
        // Whoever asked would take a quiet return for done, and let go of a kernel that lives.
        throw new Error(sparky.trans.__('The kernel keeps running.'));
      }
      await shutdown();
    };
    session.changeKernel = async options =>
      (await mayEnd(sparky, [path()])) ? changeKernel(options) : session.kernel;
  }
  if (session.kernel) {
    guardKernel(sparky, session.kernel, path);
  }
}

function guardKernel(sparky: Sparky, kernel: Kernel.IKernelConnection, path: () => string): void {
  if (guarded.has(kernel)) {
    return;
  }
  guarded.add(kernel);
  const restart = kernel.restart.bind(kernel);
  const shutdown = kernel.shutdown.bind(kernel);
  kernel.restart = async () => {
    if (await mayEnd(sparky, [path()])) {
      await restart();
    }
  };
  kernel.shutdown = async () => {
    if (await mayEnd(sparky, [path()])) {
      await shutdown();
    }
  };
}

function guardLists(sparky: Sparky, { kernels, sessions }: ServiceManager.IManager): void {
  const pathsOf = (wanted: (model: Session.IModel) => boolean): string[] =>
    [...sessions.running()].filter(wanted).map(model => model.path);
  const led = (
    list: { shutdown(id: string): Promise<void>; shutdownAll(): Promise<void> },
    idOf: (model: Session.IModel) => string | undefined
  ): void => {
    const shutdown = list.shutdown.bind(list);
    const shutdownAll = list.shutdownAll.bind(list);
    list.shutdown = async id => {
      if (
        await mayEnd(
          sparky,
          pathsOf(model => idOf(model) === id)
        )
      ) {
        await shutdown(id);
      }
    };
    list.shutdownAll = async () => {
      if (
        await mayEnd(
          sparky,
          pathsOf(() => true)
        )
      ) {
        await shutdownAll();
      }
    };
  };
  led(sessions, model => model.id);
  led(kernels, model => model.kernel?.id);
}

export const guardPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:guard',
  description: 'Asks before a kernel with running tasks is ended.',
  autoStart: true,
  requires: [ISparky],
  activate: (app: JupyterFrontEnd, sparky: Sparky): void => {
    guardLists(sparky, app.serviceManager);
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew(panel: Widget, context: DocumentRegistry.Context): IDisposable {
        const { sessionContext } = (panel as NotebookPanel).context;
        const watch = (): void => {
          if (sessionContext.session) {
            guardSession(sparky, sessionContext.session, () => context.path);
          }
        };
        sessionContext.kernelChanged.connect(watch);
        watch();
        return new DisposableDelegate(() => sessionContext.kernelChanged.disconnect(watch));
      }
    });
  }
};
