/** Signals and timers that go away with what they are for. */

/** Stops a timer. */
export type Cancel = () => void;

/** Calls back once, after a number of milliseconds, unless it is stopped. */
export type Timer = (ms: number, callback: () => void) => Cancel;

/** A real timer. */
export function timer(ms: number, callback: () => void): Cancel {
  const id = setTimeout(callback, Math.min(ms, 2 ** 31 - 1));
  return () => clearTimeout(id);
}

/** Resolves after a number of milliseconds; rejects with the signal's reason if that comes first. */
export async function delayed(timer: Timer, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = timer(ms, resolve);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

/** A signal that follows others until it is unlinked, so that a long-lived signal does not collect listeners. */
export function linked(...signals: (AbortSignal | undefined)[]): { signal: AbortSignal; unlink: () => void } {
  const controller = new AbortController();
  const unlinks = signals.map((signal) => {
    const onAbort = (): void => controller.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    return () => signal?.removeEventListener("abort", onAbort);
  });
  return { signal: controller.signal, unlink: () => unlinks.forEach((unlink) => unlink()) };
}
