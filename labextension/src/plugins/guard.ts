/**
 * Asks before a kernel with running tasks is restarted, changed or shut down from this page.
 *
 * JupyterLab has no hook before a shutdown, so the few calls that end a kernel's process are led
 * through the question: those of each session that this page connects to and of its kernel (a
 * notebook's, or a console's on the notebook's kernel), those of the lists of all of them (the
 * running panel's), and JupyterLab's own question before a restart, as what follows from it ("and
 * run all cells") must not happen either. Nothing else of them is touched.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ISessionContext } from '@jupyterlab/apputils';
import { Dialog, ISessionContextDialogs, showDialog } from '@jupyterlab/apputils';
import type { Kernel, Session } from '@jupyterlab/services';

import { isEnded } from '../state/model';
import type { Sparky } from '../tokens';
import { ISparky } from '../tokens';
import type { TaskItem } from '../transport/overview';
import type { Health } from '../transport/rest';
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

/** The paths of all sessions on a kernel. */
type PathsOn = (kernelId: string | undefined) => string[];

function guardSession(
  sparky: Sparky,
  session: Session.ISessionConnection,
  pathsOn: PathsOn
): Session.ISessionConnection {
  if (guarded.has(session)) {
    return session;
  }
  guarded.add(session);
  const shutdown = session.shutdown.bind(session);
  const changeKernel = session.changeKernel.bind(session);
  const paths = (): string[] => [session.path, ...pathsOn(session.kernel?.id)];
  session.shutdown = async () => {
    if (!(await mayEnd(sparky, paths()))) {
      // Whoever asked would take a quiet return for done, and let go of a kernel that lives.
      throw new Error(sparky.trans.__('The kernel keeps running.'));
    }
    await shutdown();
  };
  session.changeKernel = async options =>
    (await mayEnd(sparky, paths())) ? changeKernel(options) : session.kernel;
  const watch = (): void => {
    if (session.kernel) {
      guardKernel(sparky, session.kernel, paths);
    }
  };
  session.kernelChanged.connect(watch);
  watch();
  return session;
}

function guardKernel(
  sparky: Sparky,
  kernel: Kernel.IKernelConnection,
  paths: () => string[]
): void {
  if (guarded.has(kernel)) {
    return;
  }
  guarded.add(kernel);
  const restart = kernel.restart.bind(kernel);
  const shutdown = kernel.shutdown.bind(kernel);
  kernel.restart = async () => {
    if (agreed.has(kernel) || (await mayEnd(sparky, paths()))) {
      await restart();
    }
  };
  kernel.shutdown = async () => {
    if (await mayEnd(sparky, paths())) {
      await shutdown();
    }
  };
}

function guardRestart(sparky: Sparky, dialogs: ISessionContext.IDialogs, pathsOn: PathsOn): void {
  const restart = dialogs.restart.bind(dialogs);
  dialogs.restart = async (context, ...options) => {
    const kernel = context.session?.kernel;
    if (!kernel || !guarded.has(kernel)) {
      return restart(context, ...options);
    }
    if (!(await mayEnd(sparky, [context.path, ...pathsOn(kernel.id)]))) {
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

/** Notebooks and consoles alike get their sessions from here. */
function guardConnections(sparky: Sparky, sessions: Session.IManager, pathsOn: PathsOn): void {
  const connectTo = sessions.connectTo.bind(sessions);
  const startNew = sessions.startNew.bind(sessions);
  sessions.connectTo = options => guardSession(sparky, connectTo(options), pathsOn);
  sessions.startNew = async (...options) =>
    guardSession(sparky, await startNew(...options), pathsOn);
}

function guardList(
  sparky: Sparky,
  list: { shutdown(id: string): Promise<void>; shutdownAll(): Promise<void> },
  pathsOf: (id: string) => string[],
  all: () => string[]
): void {
  const shutdown = list.shutdown.bind(list);
  const shutdownAll = list.shutdownAll.bind(list);
  list.shutdown = async id => {
    if (await mayEnd(sparky, pathsOf(id))) {
      await shutdown(id);
    }
  };
  list.shutdownAll = async () => {
    if (await mayEnd(sparky, all())) {
      await shutdownAll();
    }
  };
}

export const guardPlugin: JupyterFrontEndPlugin<void> = {
  id: '@sparky-nb/labextension:guard',
  description: 'Asks before a kernel with running tasks is ended.',
  autoStart: true,
  requires: [ISparky],
  optional: [ISessionContextDialogs],
  activate: (
    { serviceManager: { kernels, sessions } }: JupyterFrontEnd,
    sparky: Sparky,
    dialogs: ISessionContext.IDialogs | null
  ): void => {
    const pathsOn: PathsOn = kernelId =>
      [...sessions.running()]
        .filter(model => kernelId !== undefined && model.kernel?.id === kernelId)
        .map(model => model.path);
    const kernelOf = (sessionId: string): string | undefined =>
      [...sessions.running()].find(model => model.id === sessionId)?.kernel?.id;
    const all = (): string[] => [...sessions.running()].map(model => model.path);
    guardConnections(sparky, sessions, pathsOn);
    guardList(sparky, sessions, id => pathsOn(kernelOf(id)), all);
    guardList(sparky, kernels, pathsOn, all);
    if (dialogs) {
      guardRestart(sparky, dialogs, pathsOn);
    }
  }
};
