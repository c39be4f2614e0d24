/**
 * Asks before a kernel with running tasks is restarted, changed or shut down from this page.
 *
 * JupyterLab has no hook before a shutdown, so the few calls that end a kernel's process are led
 * through the question: those of a notebook's session and kernel, those of the lists of all of them
 * (the running panel's), and JupyterLab's own question before a restart, as what follows from it
 * ("and run all cells") must not happen either. Nothing else of them is touched.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ISessionContext } from '@jupyterlab/apputils';
import { Dialog, ISessionContextDialogs, showDialog } from '@jupyterlab/apputils';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { Kernel, ServiceManager, Session } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { Widget } from '@lumino/widgets';

import { isEnded } from '../state/model';
import type { Sparky } from '../tokens';
import { ISparky } from '../tokens';
import type { TaskItem } from '../transport/overview';
import type { Health } from '../transport/rest';
import type { NotebookPanel } from './notebook';
import { isSameFile } from './paths';

const guarded = new WeakSet<object>();
/** Kernels that are being restarted by somebody who has been asked already. */
const agreed = new WeakSet<Kernel.IKernelConnection>();

/** What would end with the kernels of these notebooks. */
async function endingWith({ hub }: Sparky, paths: string[]): Promise<TaskItem[]> {
  const running = hub.overview
    .list()
    .filter(({ state, origin }) => !isEnded(state) && paths.some(p => isSameFile(origin?.path, p)));
  if (running.length === 0) {
    return [];
  }
  const { runners = [] } = await hub.health(0).catch((): Health => ({}));
  const elsewhere = runners.filter(it => it.role !== 'kernel').map(it => it.runner_id);
  // What a worker or a process of its own runs goes on.
  return running.filter(({ runner }) => !runner || !elsewhere.includes(runner));
}

/** Whether the person wants it in spite of what is running in these notebooks. */
async function mayEnd(sparky: Sparky, paths: string[]): Promise<boolean> {
  const { trans, settings } = sparky;
  const running = settings.warnBeforeShutdown ? await endingWith(sparky, paths) : [];
  if (running.length === 0) {
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
      running.length, // it is %1
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
    if (agreed.has(kernel) || (await mayEnd(sparky, [path()]))) {
      await restart();
    }
  };
  kernel.shutdown = async () => {
    if (await mayEnd(sparky, [path()])) {
      await shutdown();
    }
  };
}

function guardRestart(sparky: Sparky, dialogs: ISessionContext.IDialogs): void {
  const restart = dialogs.restart.bind(dialogs);
  dialogs.restart = async (context, ...options) => {
    const kernel = context.session?.kernel;
    if (!kernel || !guarded.has(kernel)) {
      return restart(context, ...options);
    }
    if (!(await mayEnd(sparky, [context.path]))) {
      return false;
    }
    agreed.add(kernel);
    try {
      return await restart(context, ...options);
    } finally {
      agreed.delete(kernel);
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
  optional: [ISessionContextDialogs],
  activate: (
    app: JupyterFrontEnd,
    sparky: Sparky,
    dialogs: ISessionContext.IDialogs | null
  ): void => {
    guardLists(sparky, app.serviceManager);
    if (dialogs) {
      guardRestart(sparky, dialogs);
    }
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
