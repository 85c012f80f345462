/** Runs cases side by side, each with a limit of time. */
import type { Tally } from "./tally.ts";

/** How many cases run at a time: one for each worker. */
export const LANES = 2;

/** What a case is run with besides its index. */
export interface CaseContext {
  readonly tally: Tally;
  /** The longest that a case may take, in milliseconds: what takes longer hangs. */
  readonly hangMs: number;
  /** What was done to the case, for who reads of a violation. */
  describe(index: number): string;
}

/**
 * Runs `run` on every index, in as many lanes as there are workers. What rejects or hangs is a violation, and of what hangs nobody can
 * tell when it would end, so its lane goes on with the next.
 */
export async function runCases(
  indexes: Iterable<number>,
  run: (index: number, lane: number) => Promise<void>,
  { tally, hangMs, describe }: CaseContext,
): Promise<void> {
  // One iterator for all: whoever is free takes the next.
  const next = Iterator.from(indexes);
  await Promise.all(Array.from({ length: LANES }, async (_, lane) => {
    for (let { value, done } = next.next(); !done; { value, done } = next.next()) {
      const index = value as number;
      try {
        await within(hangMs, run(index, lane));
      } catch (error) {
        tally.violate(index, describe(index), error instanceof Error ? error.stack ?? error.message : String(error));
      }
      tally.finish();
    }
  }));
}

/** Rejects if `work` takes longer than this. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`It hangs: no end within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
