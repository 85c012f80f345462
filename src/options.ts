/** What a host can be told at its start. */
import { MAX_TIMEOUT_MS } from "./executor_params/timeouts.ts";
import { type Metrics, NO_METRICS } from "./metrics.ts";
import type { RemovedArtifact } from "./registry/registry.ts";
import { resolveSandboxOptions, type SandboxOptions } from "./sandbox_options.ts";
import { resolveWorkerLimits, type WorkerLimits } from "./worker_limits.ts";

/**
 * Options of `ValidationHost.start`. All but the cache directory have a default.
 *
 * @example A host for short jobs
 * ```ts
 * import { type HostOptions, ValidationHost } from "@kiln/host";
 *
 * const options: HostOptions = {
 *   cachePath: await Deno.makeTempDir(),
 *   maxExecuteWorkers: 4,
 *   executeTimeoutMs: 2_000,
 * };
 * await using host = await ValidationHost.start(options);
 * ```
 */
export interface HostOptions {
  /**
   * The directory for artifacts and worker directories. It is made if it is not there; of what is in it, only what is Kiln's own is
   * ever deleted. One host at a time can use it. A path with a comma in it is refused: Deno reads the comma in a permission as a
   * separator.
   */
  readonly cachePath: string;
  /**
   * The `deno` that runs the workers.
   *
   * @default The one that runs the host
   */
  readonly denoPath?: string;
  /**
   * How many preparations run at a time at the most, those that approvals and disputes wait for included.
   *
   * @default {2}
   */
  readonly maxPrepareWorkers?: number;
  /**
   * How many preparations run at a time that nobody waits for so urgently. Workers beyond this number are ended when they are free.
   *
   * @default {1}
   */
  readonly softPrepareWorkers?: number;
  /**
   * How many executions run at a time. Each worker takes some 50 MB and up to the code's memory limit.
   *
   * @default {2}
   */
  readonly maxExecuteWorkers?: number;
  /**
   * How many jobs one worker is given. 1 means a fresh process for every job.
   *
   * @default {Infinity}
   */
  readonly maxJobsPerWorker?: number;
  /**
   * How many execute workers are kept ready, so that a first job need not wait for one to start. They count as execute workers, and
   * none is kept where all that may be are bound to code.
   *
   * @default {1}
   */
  readonly spareExecuteWorkers?: number;
  /**
   * How long a worker that has nothing to do is kept, in milliseconds.
   *
   * @default {600000}
   */
  readonly idleWorkerTimeoutMs?: number;
  /**
   * How often starting a worker is tried for one job. Then the job fails by this host's fault.
   *
   * @default {3}
   */
  readonly spawnAttempts?: number;
  /**
   * How long to wait before starting a worker is tried again, in milliseconds; each time four times as long.
   *
   * @default {250}
   */
  readonly spawnRetryDelayMs?: number;
  /**
   * How many executions may wait, be it for an artifact or for a worker. A call beyond that is rejected with a `QueueFullError`.
   *
   * @default {1000}
   */
  readonly maxQueuedExecutions?: number;
  /**
   * How long an execution lets others go first that the worker which is free has loaded the code for, in milliseconds.
   *
   * @default {4000}
   */
  readonly affinityLimitMs?: number;
  /**
   * Which of the two backing classes gets the one turn in twelve that is left for backing when disputes and approvals are many. See
   * `FairShareOptions`.
   *
   * @default {"system-first"}
   */
  readonly backingTurn?: "system-first" | "alternating";
  /**
   * How often artifacts are pruned that nobody needs any more, in milliseconds. `Infinity` means never.
   *
   * @default {3600000}
   */
  readonly pruneIntervalMs?: number;
  /**
   * How long an artifact stays that nobody needs, in milliseconds.
   *
   * @default {86400000}
   */
  readonly artifactTtlMs?: number;
  /**
   * How many bytes all artifacts together may take. Above that the least recently needed go first, but none that was needed within
   * `minStaleMs`.
   *
   * @default {10737418240}
   */
  readonly maxCacheBytes?: number;
  /**
   * How long nobody may have needed an artifact before it can go for its size, in milliseconds.
   *
   * @default {3600000}
   */
  readonly minStaleMs?: number;
  /**
   * Told what pruning removed, each time that it removed something.
   *
   * @default Nobody is told
   */
  readonly onPrune?: (removed: readonly RemovedArtifact[]) => void;
  /**
   * How long a worker may take to start, in milliseconds.
   *
   * @default {3000}
   */
  readonly spawnTimeoutMs?: number;
  /**
   * The CPU time that a preparation for a precheck may take, in milliseconds.
   *
   * @default {60000}
   */
  readonly precheckTimeoutMs?: number;
  /**
   * The CPU time that a preparation for an execution may take, in milliseconds. It is more lenient than a precheck's, since the code
   * passed one before it came to be executed.
   *
   * @default {360000}
   */
  readonly prepareTimeoutMs?: number;
  /**
   * The CPU time that an execution for a dispute or an approval may take, where neither the call nor the executor parameters say, in
   * milliseconds.
   *
   * @default {12000}
   */
  readonly executeTimeoutMs?: number;
  /**
   * The CPU time that an execution for backing may take, where neither the call nor the executor parameters say, in milliseconds.
   *
   * @default {2000}
   */
  readonly backingTimeoutMs?: number;
  /**
   * The most bytes that code may have once decompressed.
   *
   * @default {31457280}
   */
  readonly codeBombLimitBytes?: number;
  /**
   * The most bytes that block data may have once decompressed: four times the largest PoV, for a largest PoV of 5 MiB.
   *
   * @default {20971520}
   */
  readonly povBombLimitBytes?: number;
  /**
   * What every job may use besides its time and its code's memory.
   *
   * @default See `WorkerLimits`
   */
  readonly limits?: Partial<WorkerLimits>;
  /**
   * How long a preparation that failed by no known fault of the code is not tried again, in milliseconds.
   *
   * @default {900000}
   */
  readonly prepareRetryCooldownMs?: number;
  /**
   * How often such a preparation is tried again.
   *
   * @default {5}
   */
  readonly maxPrepareRetries?: number;
  /**
   * The text, TypeScript or JavaScript, of a module that exports an `engine` for workers to use in place of the PVF engine. The text
   * becomes the file `worker/engine.js` of the worker program, from where it may import the program's other files.
   *
   * @default The PVF engine
   */
  readonly engineSource?: string;
  /**
   * Where the host's numbers go: a `MetricsRegistry`, or something of your own.
   *
   * @default Nowhere
   */
  readonly metrics?: Metrics;
  /**
   * A second wall around workers, besides Deno's permissions.
   *
   * @default `{ outer: "none" }`, and in secure mode `{ outer: "auto" }`
   */
  readonly sandbox?: SandboxOptions;
  /**
   * Whether the host refuses to start where its workers would not be confined, be it by Deno or by the outer sandbox. It then tries
   * every wall out with a worker first, which takes some 100 ms.
   *
   * @default {false}
   */
  readonly secureMode?: boolean;
  /**
   * A clock in milliseconds, for ages and cooldowns.
   *
   * @default `performance.now`, which no change of the time of day disturbs
   */
  readonly now?: () => number;
  /**
   * Told what went wrong where nobody waits for an answer: a leftover that could not be deleted at the start, a worker's directory
   * that could not be deleted at its end.
   *
   * @default Nobody is told
   */
  readonly onWarning?: (message: string, error: unknown) => void;
}

/** Options with every default filled in. */
export type ResolvedHostOptions =
  & Required<Omit<HostOptions, "engineSource" | "limits" | "sandbox">>
  & Pick<HostOptions, "engineSource">
  & { readonly limits: WorkerLimits; readonly sandbox: Required<SandboxOptions> };

const MAX_U32 = 2 ** 32 - 1;

const TIMEOUTS = [
  "spawnTimeoutMs",
  "spawnRetryDelayMs",
  "idleWorkerTimeoutMs",
  "precheckTimeoutMs",
  "prepareTimeoutMs",
  "executeTimeoutMs",
  "backingTimeoutMs",
] as const;

/** Fills in the defaults. Throws a `RangeError` or `TypeError` that names the option that cannot be used. */
export function resolveHostOptions(options: HostOptions): ResolvedHostOptions {
  const resolved: ResolvedHostOptions = {
    denoPath: options.denoPath ?? defaultDenoPath(),
    maxPrepareWorkers: 2,
    softPrepareWorkers: 1,
    maxExecuteWorkers: 2,
    maxJobsPerWorker: Infinity,
    spareExecuteWorkers: 1,
    idleWorkerTimeoutMs: 10 * 60_000,
    spawnAttempts: 3,
    spawnRetryDelayMs: 250,
    maxQueuedExecutions: 1_000,
    affinityLimitMs: 4_000,
    backingTurn: "system-first",
    pruneIntervalMs: 60 * 60_000,
    artifactTtlMs: 24 * 60 * 60_000,
    maxCacheBytes: 10 * 2 ** 30,
    minStaleMs: 60 * 60_000,
    onPrune: () => {},
    metrics: NO_METRICS,
    secureMode: false,
    spawnTimeoutMs: 3_000,
    precheckTimeoutMs: 60_000,
    prepareTimeoutMs: 360_000,
    executeTimeoutMs: 12_000,
    backingTimeoutMs: 2_000,
    codeBombLimitBytes: 30 * 2 ** 20,
    povBombLimitBytes: 20 * 2 ** 20,
    prepareRetryCooldownMs: 15 * 60_000,
    maxPrepareRetries: 5,
    now: () => performance.now(),
    onWarning: () => {},
    ...given(options),
    cachePath: options.cachePath,
    limits: resolveWorkerLimits(options.limits),
    sandbox: resolveSandboxOptions(options.sandbox, options.secureMode ? "auto" : "none"),
  };
  if (typeof resolved.cachePath !== "string" || resolved.cachePath === "") {
    throw new TypeError(`Cannot use cachePath ${JSON.stringify(resolved.cachePath)}: a path wanted`);
  }
  checkChoices(resolved);
  for (const name of ["maxPrepareWorkers", "maxExecuteWorkers"] as const) checkWhole(name, resolved[name], 1, 1024);
  if (resolved.maxJobsPerWorker !== Infinity) checkWhole("maxJobsPerWorker", resolved.maxJobsPerWorker, 1, MAX_U32);
  checkWhole("softPrepareWorkers", resolved.softPrepareWorkers, 1, resolved.maxPrepareWorkers);
  checkWhole("spareExecuteWorkers", resolved.spareExecuteWorkers, 0, resolved.maxExecuteWorkers);
  for (const name of ["spawnAttempts", "maxQueuedExecutions"] as const) checkWhole(name, resolved[name], 1, MAX_U32);
  for (const name of TIMEOUTS) checkTimeout(name, resolved[name]);
  if (resolved.pruneIntervalMs !== Infinity) checkTimeout("pruneIntervalMs", resolved.pruneIntervalMs);
  for (const name of ["affinityLimitMs", "artifactTtlMs", "maxCacheBytes", "minStaleMs"] as const) {
    checkWhole(name, resolved[name], 0, Number.MAX_SAFE_INTEGER);
  }
  for (const name of ["codeBombLimitBytes", "povBombLimitBytes"] as const) checkWhole(name, resolved[name], 1, MAX_U32);
  checkWhole("maxPrepareRetries", resolved.maxPrepareRetries, 0, MAX_U32);
  checkWhole("prepareRetryCooldownMs", resolved.prepareRetryCooldownMs, 0, Number.MAX_SAFE_INTEGER);
  const { onWarning, onPrune, metrics } = resolved;
  return {
    ...resolved,
    onWarning: neverThrowing(onWarning),
    onPrune: neverThrowing(onPrune),
    metrics: {
      count: neverThrowing((...counted) => metrics.count(...counted)),
      observe: neverThrowing((...observed) => metrics.observe(...observed)),
    },
  };
}

/** Throws a `RangeError` unless `value` is a number of milliseconds that a job may be given. */
export function checkTimeout(name: string, value: number): void {
  checkWhole(name, value, 1, MAX_TIMEOUT_MS);
}

/** What is misspelt must not be taken for a default, least of all where it is about safety. */
function checkChoices({ backingTurn, secureMode, onWarning, onPrune, now, metrics }: ResolvedHostOptions): void {
  if (backingTurn !== "system-first" && backingTurn !== "alternating") {
    throw new TypeError(
      `Cannot use backingTurn ${JSON.stringify(backingTurn)}: "system-first" or "alternating" wanted`,
    );
  }
  if (typeof secureMode !== "boolean") {
    throw new TypeError(`Cannot use secureMode ${JSON.stringify(secureMode)}: true or false wanted`);
  }
  for (const [name, value] of Object.entries({ onWarning, onPrune, now })) {
    if (typeof value !== "function") {
      throw new TypeError(`Cannot use ${name} ${JSON.stringify(value)}: a function wanted`);
    }
  }
  if (typeof metrics?.count !== "function" || typeof metrics.observe !== "function") {
    throw new TypeError("Cannot use metrics: an object with the functions count and observe wanted");
  }
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`Cannot use ${name} ${value}: a whole number from ${least} to ${most} wanted`);
}

/** What a caller does with what it is told must not stop the work that is told of. */
function neverThrowing<Args extends unknown[]>(callback: (...args: Args) => void): (...args: Args) => void {
  return (...args) => {
    try {
      callback(...args);
    } catch {
      // There is nobody left to tell.
    }
  };
}

/** An option that is given as `undefined` is not given. */
function given(options: HostOptions): Partial<HostOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** A compiled program is no `deno` that could run another program. */
function defaultDenoPath(): string {
  if (Deno.build.standalone) throw new TypeError("Cannot find deno: a compiled program has to be given denoPath");
  return Deno.execPath();
}
