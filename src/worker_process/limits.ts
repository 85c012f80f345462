/** Limits of time that hold for every job, and what is said of a limit that was broken. */
import type { JobLimits, WatchedLimit } from "../protocol/job_limits.ts";

/**
 * A job's wall-clock limit is this many times its CPU time limit: the worst slow-down of a machine with four times more work than
 * cores (upstream's JOB_TIMEOUT_WALL_CLOCK_FACTOR).
 */
export const WALL_CLOCK_FACTOR = 4;

/** How long a worker may take to read, verify and load an artifact, in milliseconds of wall-clock time. */
export const BIND_TIMEOUT_MS = 10_000;

/** What a very short job gets at the least on top of its CPU time: the watchdog must come before this limit, and it has its own slack. */
const LEAST_MARGIN_MS = 200;

/** How much wall-clock time a job may take that may take this much CPU time, both in milliseconds. */
export function wallClockLimitMs(timeoutMs: number): number {
  return Math.max(timeoutMs * WALL_CLOCK_FACTOR, timeoutMs + LEAST_MARGIN_MS);
}

/** The unit of each limit that the watchdog watches, and what is counted in it. */
const COUNTED: Readonly<Record<WatchedLimit, readonly [unit: string, what: string]>> = {
  cpuTimeMs: ["ms", "of CPU time"],
  processMemoryBytes: ["bytes", "of memory in the worker's process"],
};

/** Says of a job what it took and what it may have taken. */
export function describeBreach({ limit, used }: { limit: WatchedLimit; used: number }, limits: JobLimits): string {
  const [unit, what] = COUNTED[limit];
  return `The job took ${used} ${unit} ${what}, at most ${limits[limit]} ${unit} allowed`;
}
