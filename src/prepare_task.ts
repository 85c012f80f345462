/** A preparation as a job of the prepare queue. */
import { errorText } from "./error_text.ts";
import { prepTimeoutMs } from "./executor_params.ts";
import type { HostQueues } from "./host_queues.ts";
import type { ResolvedHostOptions } from "./options.ts";
import type { PrepareError } from "./prepare_error.ts";
import type { PrepareTask } from "./preparations.ts";
import type { Pvf } from "./pvf.ts";
import type { PrepareEntry, PreparePriority } from "./queue/prepare_schedule.ts";
import type { JobEnd, Submitted } from "./queue/worker_queue.ts";
import type { ArtifactFile, PrepareLimits } from "./registry/artifact.ts";
import type { ArtifactRegistry } from "./registry/registry.ts";
import { type PrepareJob, type PrepareJobOutcome, runPrepareJob } from "./worker_process/prepare_job.ts";
import { SpawnError } from "./worker_process/spawn.ts";
import { jobLimitsFor } from "./worker_limits.ts";

/** What preparations of one host need. */
export interface PrepareTaskContext {
  readonly queues: HostQueues;
  readonly registry: ArtifactRegistry;
  readonly options: ResolvedHostOptions;
}

/** Queues a preparation. Throws the reason if the queue is closed. */
export function prepareTask(
  { queues, registry, options }: PrepareTaskContext,
  pvf: Pvf,
  limits: PrepareLimits,
  priority: PreparePriority,
): PrepareTask {
  const job = prepareJobOf(pvf, limits, options);
  options.metrics.count("polkadot_pvf_prepare_enqueued");
  const submitted: Submitted<ArtifactFile | PrepareError, PrepareEntry> = queues.prepare.submit({ priority }, {
    boundTo: undefined,
    fits: () => true,
    spawn: (signal) => queues.spawnPrepareWorker(signal),
    run: (worker, signal) => timed(options, async () => toEnd(await runPrepareJob(worker, job, registry, signal))),
    unreachable: (message) => ({ kind: "unreachable", message }),
  });
  const result = submitted.result.catch((error): PrepareError => {
    if (queues.prepare.isClosed) throw queues.prepare.closeReason;
    // Whatever it is, the artifact must not stay in preparation for ever.
    return { kind: error instanceof SpawnError ? "spawn" : "io-error", message: errorText(error) };
  });
  return {
    result: result.then((result) => observed(options, withLimit(result, job.limits.cpuTimeMs))),
    raise() {
      // There may be a worker for an urgent preparation where there was none for this one.
      if (queues.prepareSchedule.raise(submitted.entry)) queues.prepare.pump();
    },
  };
}

async function timed<T>({ metrics, now }: ResolvedHostOptions, work: () => Promise<T>): Promise<T> {
  const start = now();
  const end = await work();
  metrics.observe("polkadot_pvf_preparation_time", (now() - start) / 1_000);
  return end;
}

function observed<T extends ArtifactFile | PrepareError>({ metrics }: ResolvedHostOptions, result: T): T {
  metrics.count("polkadot_pvf_prepare_concluded", { result: "path" in result ? "prepared" : result.kind });
  if ("path" in result) {
    metrics.observe("polkadot_pvf_preparation_max_rss", result.stats.maxRssKib);
    metrics.observe("polkadot_parachain_candidate_validation_code_size", result.stats.decompressedBytes);
  }
  return result;
}

function withLimit<T extends ArtifactFile | PrepareError>(result: T, allowedMs: number): T {
  return "kind" in result && result.kind === "timed-out" ? { ...result, allowedMs } : result;
}

function prepareJobOf(pvf: Pvf, limits: PrepareLimits, options: ResolvedHostOptions): PrepareJob {
  const { executorParams } = pvf;
  const cpuTimeMs = limits === "precheck"
    ? prepTimeoutMs(executorParams, "precheck", options.precheckTimeoutMs)
    : prepTimeoutMs(executorParams, "prepare", options.prepareTimeoutMs);
  return {
    code: pvf.code,
    codeHash: Uint8Array.fromHex(pvf.codeHash.slice(2)),
    prepHash: Uint8Array.fromHex(pvf.prepHash.slice(2)),
    kind: limits,
    wasmExtBulkMemory: executorParams.wasmExtBulkMemory ?? false,
    codeBombLimitBytes: options.codeBombLimitBytes,
    limits: jobLimitsFor(pvf, cpuTimeMs, options.limits),
  };
}

function toEnd(outcome: PrepareJobOutcome): JobEnd<ArtifactFile | PrepareError> {
  switch (outcome.kind) {
    case "unreachable":
      return outcome;
    case "concluded": {
      const { worker, result } = outcome;
      const value = "path" in result ? result : { kind: result.error, message: result.message };
      return { kind: "done", worker, value };
    }
    default:
      return { kind: "done", value: outcome };
  }
}
