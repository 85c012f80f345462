/** The two queues of a host, each with its schedule and its workers. */
import type { ResolvedHostOptions } from "./options.ts";
import { type ExecuteEntry, ExecuteSchedule } from "./queue/execute_schedule.ts";
import { type PrepareEntry, PrepareSchedule } from "./queue/prepare_schedule.ts";
import { type RetireReason, type Waiting, WorkerQueue } from "./queue/worker_queue.ts";
import type { IdleWorker } from "./worker_process/idle_worker.ts";
import { type SpawnEnvironment, spawnWorker } from "./worker_process/spawn.ts";

/** A prepare worker runs no code, so it needs no limit of its own on the memory of code: all that WebAssembly can address. */
const PREPARE_WORKER_PAGES = 65_536;
/** A worker that is kept ready does for code that may have no more than this: all but the most unusual. */
const SPARE_WORKER_PAGES = 4_096;

/** How long a spare worker that was lost is not replaced, at first: nobody waits for it. */
const SPARE_RETRY_DELAY_MS = 1_000;

/** The queues, and how their workers are started. */
export interface HostQueues {
  readonly prepareSchedule: PrepareSchedule<PrepareEntry & Waiting>;
  readonly prepare: WorkerQueue<PrepareEntry>;
  readonly executeSchedule: ExecuteSchedule<ExecuteEntry & Waiting>;
  readonly execute: WorkerQueue<ExecuteEntry>;
  spawnPrepareWorker(signal: AbortSignal): Promise<IdleWorker>;
  /** Starts a worker for code that may have this many pages of memory. */
  spawnExecuteWorker(signal: AbortSignal, maxMemoryPages: number): Promise<IdleWorker>;
}

/** Makes the queues of a host. No worker is started yet. */
export function createQueues(options: ResolvedHostOptions, environment: SpawnEnvironment): HostQueues {
  const { metrics } = options;
  const spawn = async (flavor: "prepare" | "execute", maxPages: number, signal: AbortSignal): Promise<IdleWorker> => {
    metrics.count("polkadot_pvf_worker_spawning", { flavor });
    const worker = await spawnWorker(environment, `${flavor}-worker`, maxPages, signal);
    metrics.count("polkadot_pvf_worker_spawned", { flavor });
    return worker;
  };
  const onRetired = (flavor: "prepare" | "execute") => (reason: RetireReason): void =>
    metrics.count("polkadot_pvf_worker_retired", { flavor, reason });
  const spawnPrepareWorker = (signal: AbortSignal): Promise<IdleWorker> =>
    spawn("prepare", PREPARE_WORKER_PAGES, signal);
  const spawnExecuteWorker = (signal: AbortSignal, maxMemoryPages: number): Promise<IdleWorker> =>
    spawn("execute", Math.max(SPARE_WORKER_PAGES, maxMemoryPages), signal);
  const { maxPrepareWorkers, softPrepareWorkers, maxExecuteWorkers, spareExecuteWorkers } = options;
  const prepareSchedule = new PrepareSchedule<PrepareEntry & Waiting>({
    softCapacity: softPrepareWorkers,
    hardCapacity: maxPrepareWorkers,
  });
  const { affinityLimitMs, maxQueuedExecutions: maxLength, backingTurn } = options;
  const executeSchedule = new ExecuteSchedule<ExecuteEntry & Waiting>({
    maxWorkers: maxExecuteWorkers,
    affinityLimitMs,
    maxLength,
    backingTurn,
  });
  const common = {
    idleTimeoutMs: options.idleWorkerTimeoutMs,
    spawnAttempts: options.spawnAttempts,
    spawnRetryDelayMs: options.spawnRetryDelayMs,
    spareRetryDelayMs: SPARE_RETRY_DELAY_MS,
    onWarning: options.onWarning,
    now: options.now,
  };
  return {
    prepareSchedule,
    prepare: new WorkerQueue<PrepareEntry>({
      ...common,
      // Whoever takes a preparation over could go on to make the artifacts of all code that is prepared in the same process.
      maxJobsPerWorker: 1,
      schedule: prepareSchedule,
      maxWorkers: maxPrepareWorkers,
      keepWorkers: softPrepareWorkers,
      spareWorkers: 0,
      spawnSpare: spawnPrepareWorker,
      onRetired: onRetired("prepare"),
    }),
    executeSchedule,
    execute: new WorkerQueue<ExecuteEntry>({
      ...common,
      maxJobsPerWorker: options.maxJobsPerWorker,
      schedule: executeSchedule,
      maxWorkers: maxExecuteWorkers,
      keepWorkers: maxExecuteWorkers,
      spareWorkers: spareExecuteWorkers,
      spawnSpare: (signal) => spawnExecuteWorker(signal, SPARE_WORKER_PAGES),
      onRetired: onRetired("execute"),
    }),
    spawnPrepareWorker,
    spawnExecuteWorker,
  };
}
