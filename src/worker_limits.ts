/** What a worker may use for any job, as the owner of a host decides it. */
import { type JobLimits, PAGE_BYTES } from "./protocol/job_limits.ts";
import { MAX_LOG_BYTES, MAX_RESULT_BYTES } from "./protocol/messages.ts";
import type { Pvf } from "./pvf.ts";
import { wallClockLimitMs } from "./worker_process/limits.ts";

/**
 * The limits of a job that are the same for all of a host's jobs. Besides them a job has those of its time, which depend on what it is
 * for, and of its code's own memory, which the executor parameters set.
 *
 * A breach has an outcome of its own. A preparation that takes too much process memory fails as `out-of-memory`, an execution is
 * `possibly-invalid` with `memory-limit`; too much output is `invalid` with `output-limit`; too much in a
 * preparation's directory is `directory-limit`; of too much log the end is kept, and `logDropped` counts the rest.
 *
 * @example A host for engines that write files
 * ```ts
 * import { ValidationHost, type WorkerLimits } from "@kiln/host";
 *
 * const limits: Partial<WorkerLimits> = { directoryFiles: 1_000, directoryBytes: 2 ** 30 };
 * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir(), limits });
 * ```
 */
export interface WorkerLimits {
  /**
   * The resident set that a worker's process may have besides the most memory that the code itself may have, in bytes. At least
   * 256 MiB: an idle worker takes some 50 MB, and one that has compiled a runtime twice that.
   *
   * @default {1073741824}
   */
  readonly processMemoryBytes: number;
  /**
   * What an execution may give back, in bytes. At most 16 MiB.
   *
   * @default {16777216}
   */
  readonly outputBytes: number;
  /**
   * How much text of the code's log is kept, in bytes. At most 64 KiB.
   *
   * @default {65536}
   */
  readonly logBytes: number;
  /**
   * How many entries of every kind a preparation may have in its worker's directory, at any depth. The PVF engine has one.
   *
   * @default {64}
   */
  readonly directoryFiles: number;
  /**
   * How long all files there may be together, in bytes. The artifact is one of them. An execution cannot write any.
   *
   * @default {268435456}
   */
  readonly directoryBytes: number;
}

const DEFAULTS: WorkerLimits = {
  processMemoryBytes: 2 ** 30,
  outputBytes: MAX_RESULT_BYTES,
  logBytes: MAX_LOG_BYTES,
  directoryFiles: 64,
  directoryBytes: 256 * 2 ** 20,
};

/** The least and the most that each may be. */
const RANGES: Readonly<Record<keyof WorkerLimits, readonly [number, number]>> = {
  processMemoryBytes: [256 * 2 ** 20, 2 ** 50],
  outputBytes: [1, MAX_RESULT_BYTES],
  logBytes: [0, MAX_LOG_BYTES],
  directoryFiles: [1, 2 ** 31],
  directoryBytes: [1, 2 ** 50],
};

/** Fills in the defaults. Throws a `RangeError` or `TypeError` that names what cannot be used. */
export function resolveWorkerLimits(limits: Partial<WorkerLimits> = {}): WorkerLimits {
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    throw new TypeError(`Cannot use limits ${JSON.stringify(limits)}: an object wanted`);
  }
  const resolved: Record<string, number> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(RANGES, name)) {
      throw new TypeError(`Cannot use limits.${name}: one of ${Object.keys(RANGES).join(", ")} wanted`);
    }
    if (value === undefined) continue;
    const [least, most] = RANGES[name as keyof WorkerLimits];
    if (!(Number.isInteger(value) && value >= least && value <= most)) {
      throw new RangeError(`Cannot use limits.${name} ${value}: a whole number from ${least} to ${most} wanted`);
    }
    resolved[name] = value;
  }
  return resolved as unknown as WorkerLimits;
}

/** All limits of a job of this code that may take this much CPU time. */
export function jobLimitsFor(
  { maxMemoryPages }: Pick<Pvf, "maxMemoryPages">,
  cpuTimeMs: number,
  limits: WorkerLimits,
): JobLimits {
  return {
    ...limits,
    cpuTimeMs,
    wallTimeMs: wallClockLimitMs(cpuTimeMs),
    memoryPages: maxMemoryPages,
    processMemoryBytes: limits.processMemoryBytes + maxMemoryPages * PAGE_BYTES,
  };
}
