/** Where a task's notebook is for the page: kernels know absolute paths, the page knows relative ones. */

import { PageConfig } from '@jupyterlab/coreutils';

/** Whether the document at `shown` (the page's path) is the file at `path` (a kernel's path). */
export function isSameFile(path: string | undefined, shown: string): boolean {
  if (!path) {
    return false;
  }
  const local = shown.includes(':') ? shown.slice(shown.indexOf(':') + 1) : shown; // a drive's name
  const slashed = path.replaceAll('\\', '/');
  return slashed === local || slashed.endsWith(`/${local}`);
}

/** The page's path of the file at `path`, as far as the server's root tells. */
export function localPath(path: string, serverRoot = PageConfig.getOption('serverRoot')): string {
  const slashed = path.replaceAll('\\', '/');
  const root = serverRoot.replaceAll('\\', '/').replace(/\/$/, '');
  if (!slashed.startsWith('/')) {
    return slashed;
  }
  if (root.startsWith('~')) {
    const rest = `${root.slice(1)}/`;
    const at = slashed.indexOf(rest);
    return at >= 0 ? slashed.slice(at + rest.length) : slashed;
  }
  return slashed.startsWith(`${root}/`) ? slashed.slice(root.length + 1) : slashed;
}
