/** When a process may be killed that bubblewrap wraps. */
import { delay } from "@std/async/delay";

/**
 * How old such a process has to be, in milliseconds. In its first few, bubblewrap has a child that waits for it and does not yet end with
 * it: whoever kills it then leaves that child behind for ever.
 */
const SETTLING_MS = 500;

/** Resolves when a process that was started just now may be killed, or has ended. */
export function settling(exited: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  exited.then(() => over.abort());
  return delay(SETTLING_MS, { signal: over.signal }).catch(() => {});
}
