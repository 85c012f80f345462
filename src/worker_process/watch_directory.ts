/**
 * Looks at a worker's directory while its job runs. The worker's own watchdog cannot: whoever may write there may not read there.
 */
import { errorText } from "../error_text.ts";
import { DirectoryLimitError, type DirectoryLimits, type WorkerDir } from "./worker_dir.ts";

/** How long it takes from one look to the next, in milliseconds. A job that is over by then is looked at once, at its end. */
const POLL_MS = 100;

/** A watch that ends when it is disposed of. */
export interface DirectoryWatch extends Disposable {
  /** Resolves once there is more than there may be; never, if there is not. */
  readonly broken: Promise<{ kind: "directory-limit"; message: string }>;
}

/** Begins to watch. */
export function watchDirectory(directory: WorkerDir, limits: DirectoryLimits): DirectoryWatch {
  const { promise: broken, resolve } = Promise.withResolvers<{ kind: "directory-limit"; message: string }>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async (): Promise<void> => {
    try {
      await directory.check(limits);
    } catch (error) {
      if (error instanceof DirectoryLimitError) return resolve({ kind: "directory-limit", message: errorText(error) });
      // What comes and goes meanwhile cannot always be looked at. At the end of the job there is another look.
    }
    if (timer !== undefined) timer = setTimeout(look, POLL_MS);
  };
  timer = setTimeout(look, POLL_MS);
  return {
    broken,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
