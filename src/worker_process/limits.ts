/** Limits of time that hold for every job. */

/**
 * A job's wall-clock limit is this many times its CPU time limit: the worst slow-down of a machine with four times more work than
 * cores (upstream's JOB_TIMEOUT_WALL_CLOCK_FACTOR).
 */
export const WALL_CLOCK_FACTOR = 4;

/** How long a worker may take to read, verify and load an artifact, in milliseconds of wall-clock time. */
export const BIND_TIMEOUT_MS = 10_000;
