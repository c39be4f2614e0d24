/** Which tasks a cell owes a view: what its output would show, had it been saved. */

/** As much of a task as this needs. */
export interface CellTask {
  task_id: string;
  created: number;
  first?: number | undefined;
  retry_of?: string | null | undefined;
  origin: { run?: string | undefined } | null;
}

/** A cell that starts more than this shows its newest; the panel has them all. */
export const MOST = 10;

/**
 * Of a cell's tasks those of its latest execution that began after the last one in its outputs,
 * oldest first.
 *
 * A cell that was run again shows what it does now, as its output would. A task that the output
 * passed over (started in a loop that shows only its last, say) was not meant to be shown. A task
 * that was run again belongs to the execution of the first.
 *
 * @param shown ids of the tasks in the cell's outputs
 */
export function owed<T extends CellTask>(tasks: readonly T[], shown: ReadonlySet<string>): T[] {
  const ordered = [...tasks].sort(
    (a, b) => a.created - b.created || (a.first ?? 0) - (b.first ?? 0)
  );
  const newest = ordered.filter(task => !task.retry_of).pop() ?? ordered[ordered.length - 1];
  const latest = newest?.origin?.run;
  // Tasks of other clients may not say which execution they are of: then each is one of its own.
  const ofRun =
    latest === undefined
      ? ordered.slice(newest ? ordered.indexOf(newest) : 0)
      : ordered.filter(task => task.origin?.run === latest);
  const last = ofRun.reduce((found, task, n) => (shown.has(task.task_id) ? n : found), -1);
  return ofRun.slice(last + 1).slice(-MOST);
}
