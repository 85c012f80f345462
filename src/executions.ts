/** One execution from the call to its outcome: wait for the artifact, wait for a worker, run, and see to an artifact that is bad. */
import type { ActiveLeaves } from "./active_leaves.ts";
import { errorText } from "./error_text.ts";
import { type DeadlineOutcome, type ExecuteOutcome, fromPrepareError } from "./execute_outcome.ts";
import type { HostQueues } from "./host_queues.ts";
import type { Metrics } from "./metrics.ts";
import type { Preparations } from "./preparations.ts";
import type { Pvf } from "./pvf.ts";
import { blockDataBytes } from "./protocol/validation_data.ts";
import { linked } from "./queue/cancellation.ts";
import type { ExecutionClass } from "./queue/fairness.ts";
import { QueueFullError } from "./queue/schedule.ts";
import type { JobEnd } from "./queue/worker_queue.ts";
import type { PreparedArtifact } from "./registry/artifact.ts";
import type { ArtifactRegistry } from "./registry/registry.ts";
import { runExecuteJob } from "./worker_process/execute_job.ts";
import { SpawnError } from "./worker_process/spawn.ts";
import { jobLimitsFor, type WorkerLimits } from "./worker_limits.ts";

/** What executions of one host need. */
export interface ExecutionsContext {
  readonly registry: ArtifactRegistry;
  readonly preparations: Preparations;
  readonly queues: HostQueues;
  readonly leaves: ActiveLeaves;
  /** The most executions that may wait, be it for an artifact or for a worker. */
  readonly maxWaiting: number;
  readonly povBombLimitBytes: number;
  readonly limits: WorkerLimits;
  readonly now: () => number;
  readonly metrics: Metrics;
  readonly onWarning: (message: string, error: unknown) => void;
}

/** One execution. */
export interface Execution {
  readonly pvf: Pvf;
  readonly params: Uint8Array;
  readonly timeoutMs: number;
  readonly executionClass: ExecutionClass;
  readonly relayParent: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What takes a job out of wherever it waits because it comes too late. */
class TooLate extends Error {}

/** The executions of one host. */
export class Executions {
  readonly #context: ExecutionsContext;
  /** What has not got a worker yet. */
  readonly #waiting = new Set<Execution>();
  /** What can come too late and has not begun, by what ends its waiting. */
  readonly #expiring = new Map<AbortController, string>();

  constructor(context: ExecutionsContext) {
    this.#context = context;
  }

  /** Runs one. Rejects with its signal's reason, or with a `QueueFullError`. */
  async run(wanted: Execution): Promise<ExecuteOutcome> {
    const { maxWaiting } = this.#context;
    if (this.#waiting.size >= maxWaiting) throw new QueueFullError(this.#waiting.size, maxWaiting);
    // The caller may do with its bytes what it likes while the job waits.
    const execution = { ...wanted, params: wanted.params.slice() };
    const { executionClass, relayParent } = execution;
    const expiry = new AbortController();
    const canExpire = relayParent !== undefined && isBacking(executionClass);
    if (canExpire) this.#expiring.set(expiry, relayParent);
    this.#waiting.add(execution);
    try {
      return await this.#attempt(execution, expiry.signal);
    } catch (error) {
      if (error instanceof TooLate) return tooLate(relayParent ?? "");
      throw error;
    } finally {
      this.#expiring.delete(expiry);
      this.#waiting.delete(execution);
    }
  }

  /** Ends the waiting of what can no longer matter, be it for an artifact or for a worker. What runs goes on. */
  expire(): void {
    for (const [expiry, relayParent] of this.#expiring) {
      if (!this.#context.leaves.isLive(relayParent)) expiry.abort(new TooLate());
    }
  }

  async #attempt(execution: Execution, expiry: AbortSignal): Promise<ExecuteOutcome> {
    const { registry, onWarning } = this.#context;
    const { artifactId } = execution.pvf;
    for (let attempt = 1;; attempt++) {
      const prepared = await this.#prepare(execution, expiry);
      if (prepared.state === "failed") return fromPrepareError(prepared.error);
      const outcome = await this.#execute(execution, prepared, expiry);
      if (isArtifactAtFault(outcome)) {
        const removed = await registry.remove(artifactId, prepared.path);
        if (removed?.error) onWarning(`Cannot delete the artifact "${removed.path}"`, removed.error);
      }
      // The file may have gone while the job waited. It is prepared again, once.
      if (!isArtifactGone(outcome) || attempt > 1) return outcome;
    }
  }

  async #prepare(
    { pvf, executionClass, signal }: Execution,
    expiry: AbortSignal,
  ): ReturnType<Preparations["forExecution"]> {
    const priority = isBacking(executionClass) ? "normal" : "critical";
    const waiting = linked(signal, expiry);
    try {
      return await this.#context.preparations.forExecution(pvf, priority, waiting.signal);
    } finally {
      waiting.unlink();
    }
  }

  async #execute(execution: Execution, artifact: PreparedArtifact, expiry: AbortSignal): Promise<ExecuteOutcome> {
    const { queues, now, metrics } = this.#context;
    const { pvf, executionClass, signal } = execution;
    const place = { executionClass, boundTo: artifact.path, enqueuedAt: now() };
    const job = this.#jobOf(execution, artifact);
    const { result } = queues.execute.submit<ExecuteOutcome>(place, {
      boundTo: artifact.path,
      fits: (worker) => worker.maxMemoryPages >= pvf.maxMemoryPages,
      spawn: (signal) => {
        this.#waiting.delete(execution);
        return queues.spawnExecuteWorker(signal, pvf.maxMemoryPages);
      },
      run: async (worker, signal) => {
        this.#waiting.delete(execution);
        metrics.count("kiln_execution_assigned", { class: executionClass });
        metrics.observe("polkadot_pvf_execution_queued_time", (now() - place.enqueuedAt) / 1_000);
        return toEnd(await runExecuteJob(worker, job, signal));
      },
      unreachable: (message) => ({ kind: "internal", reason: "host-communication", message, log: [] }),
    }, { signal, expiry });
    this.#countEnqueued(execution);
    return this.#countFinished(await result.catch(toSpawnFailure));
  }

  #countEnqueued({ params }: Execution): void {
    const { metrics } = this.#context;
    metrics.count("polkadot_pvf_execute_enqueued");
    const povBytes = blockDataBytes(params);
    if (povBytes === undefined) return;
    metrics.observe("polkadot_parachain_candidate_validation_pov_size", povBytes, { compressed: "true" });
  }

  #countFinished(outcome: ExecuteOutcome): ExecuteOutcome {
    const { metrics } = this.#context;
    const { kind } = outcome;
    const labels = kind === "valid" ? { kind } : { kind, reason: outcome.reason };
    metrics.count("polkadot_pvf_execute_finished", labels);
    if (kind === "valid") metrics.observe("polkadot_pvf_execution_time", outcome.wallTimeMs / 1_000);
    return outcome;
  }

  #jobOf(
    { pvf, params, timeoutMs }: Execution,
    { path, checksum }: PreparedArtifact,
  ): Parameters<typeof runExecuteJob>[1] {
    const codeHash = Uint8Array.fromHex(pvf.codeHash.slice(2));
    const prepHash = Uint8Array.fromHex(pvf.prepHash.slice(2));
    const { povBombLimitBytes, limits } = this.#context;
    const artifact = { path, checksum, codeHash, prepHash };
    return { artifact, params, povBombLimitBytes, limits: jobLimitsFor(pvf, timeoutMs, limits) };
  }
}

/** Whether it is for backing: then it can come too late, and nobody waits for it so urgently. */
export function isBacking(executionClass: ExecutionClass): boolean {
  return executionClass === "backing" || executionClass === "backing-system-paras";
}

function tooLate(relayParent: string): DeadlineOutcome {
  const message = `The relay parent ${relayParent} is neither an active leaf nor an ancestor of one`;
  return { kind: "execution-deadline", reason: "relay-parent-not-active", message, log: [] };
}

function toSpawnFailure(error: unknown): ExecuteOutcome {
  if (!(error instanceof SpawnError)) throw error;
  return { kind: "internal", reason: "spawn", message: errorText(error), log: [] };
}

function toEnd(end: Awaited<ReturnType<typeof runExecuteJob>>): JobEnd<ExecuteOutcome> {
  return end.kind === "unreachable" ? end : { kind: "done", value: end.outcome, worker: end.worker };
}

function isArtifactGone(outcome: ExecuteOutcome): boolean {
  return outcome.kind === "internal" && outcome.reason === "could-not-copy-artifact";
}

/** Such an artifact is removed before the caller is told, so that a retry prepares anew. */
function isArtifactAtFault(outcome: ExecuteOutcome): boolean {
  return outcome.kind === "possibly-invalid" &&
    (outcome.reason === "corrupted-artifact" || outcome.reason === "runtime-construction");
}
