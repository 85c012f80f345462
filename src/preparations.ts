/**
 * The life cycle of artifacts: one preparation for an artifact at a time, however many wait for it; what is prepared is used, what
 * failed by the code's own fault is remembered, and what failed otherwise is tried again after a while.
 */
import { abortable } from "@std/async/abortable";
import { exists } from "@std/fs";
import { errorText } from "./error_text.ts";
import type { ResolvedHostOptions } from "./options.ts";
import { isDeterministic, type PrepareError } from "./prepare_error.ts";
import type { Pvf } from "./pvf.ts";
import type { JobEnd, JobQueue } from "./queue/job_queue.ts";
import { type ArtifactFile, artifactKey, type FailedArtifact, type PreparedArtifact } from "./registry/artifact.ts";
import type { ArtifactRegistry } from "./registry/registry.ts";
import type { IdleWorker } from "./worker_process/idle_worker.ts";
import { type PrepareJobOutcome, runPrepareJob } from "./worker_process/prepare_job.ts";
import { SpawnError } from "./worker_process/spawn.ts";

/** An artifact that can be used, or why there is none. */
export type Preparation = PreparedArtifact | FailedArtifact;

/** What the preparations of a host need. */
export interface PreparationsContext {
  readonly registry: ArtifactRegistry;
  readonly queue: JobQueue;
  readonly options: ResolvedHostOptions;
  spawn(signal: AbortSignal): Promise<IdleWorker>;
}

/** The artifacts of one host. */
export class Preparations {
  readonly #context: PreparationsContext;
  /** What is being prepared, by artifact. Whoever comes later waits for the same. */
  readonly #running = new Map<string, Promise<Preparation>>();

  constructor(context: PreparationsContext) {
    this.#context = context;
  }

  /** For a precheck: a failure is never tried again. */
  async forPrecheck(pvf: Pvf, signal?: AbortSignal): Promise<Preparation> {
    const known = this.#context.registry.get(pvf.artifactId);
    if (known?.state === "failed") return known;
    return await this.#ensure(pvf, "precheck", signal);
  }

  /** For an execution: a file that is gone is made again, and so is, after a while, what failed by no known fault of the code. */
  async forExecution(pvf: Pvf, signal?: AbortSignal): Promise<Preparation> {
    const { registry } = this.#context;
    const known = registry.get(pvf.artifactId);
    if (known?.state === "failed" && !this.#mayRetry(known)) return known;
    if (known?.state === "prepared" && !await isThere(known.path)) {
      await registry.remove(pvf.artifactId, known.path);
    }
    return await this.#ensure(pvf, "compile", signal);
  }

  #mayRetry({ error, lastFailed, numFailures }: FailedArtifact): boolean {
    const { now, prepareRetryCooldownMs, maxPrepareRetries } = this.#context.options;
    return !isDeterministic(error) && now() >= lastFailed + prepareRetryCooldownMs && numFailures <= maxPrepareRetries;
  }

  async #ensure(pvf: Pvf, kind: "precheck" | "compile", signal?: AbortSignal): Promise<Preparation> {
    signal?.throwIfAborted();
    const { registry } = this.#context;
    const id = pvf.artifactId;
    const known = registry.get(id);
    if (known?.state === "prepared") {
      registry.touch(id);
      return known;
    }
    if (known?.state !== "preparing") this.#begin(pvf, kind);
    const running = this.#running.get(artifactKey(id));
    if (!running) throw new Error(`Cannot wait for the preparation of ${id.codeHash}: it was not begun by this host`);
    // Only this caller's waiting ends with its signal: others may wait for the same, and the next one will want it.
    return await (signal ? abortable(running, signal) : running);
  }

  #begin(pvf: Pvf, kind: "precheck" | "compile"): void {
    const { registry } = this.#context;
    const id = pvf.artifactId;
    if (registry.get(id)) registry.retryPreparing(id);
    else registry.insertPreparing(id);
    const key = artifactKey(id);
    const running = this.#prepare(pvf, kind).finally(() => this.#running.delete(key));
    running.catch(() => {}); // Every caller may have gone; a closing host then rejects for nobody.
    this.#running.set(key, running);
  }

  async #prepare(pvf: Pvf, kind: "precheck" | "compile"): Promise<Preparation> {
    const { registry } = this.#context;
    const result = await this.#submit(pvf, kind);
    if ("path" in result) registry.setPrepared(pvf.artifactId, result);
    else registry.setFailed(pvf.artifactId, result);
    return registry.get(pvf.artifactId) as Preparation;
  }

  async #submit(pvf: Pvf, kind: "precheck" | "compile"): Promise<ArtifactFile | PrepareError> {
    const { queue, spawn, registry, options } = this.#context;
    const job = {
      code: pvf.code,
      codeHash: Uint8Array.fromHex(pvf.codeHash.slice(2)),
      prepHash: Uint8Array.fromHex(pvf.prepHash.slice(2)),
      kind,
      maxMemoryPages: pvf.maxMemoryPages,
      codeBombLimitBytes: options.codeBombLimitBytes,
      timeoutMs: kind === "precheck" ? options.precheckTimeoutMs : options.prepareTimeoutMs,
    };
    try {
      return await queue.submit<ArtifactFile | PrepareError>({
        boundTo: undefined,
        spawn,
        run: async (worker, signal) => toEnd(await runPrepareJob(worker, job, registry, signal)),
        unreachable: (message) => ({ kind: "unreachable", message }),
      });
    } catch (error) {
      if (queue.isClosed) throw error;
      // Whatever it is, the artifact must not stay in preparation for ever.
      return { kind: error instanceof SpawnError ? "spawn" : "io-error", message: errorText(error) };
    }
  }
}

function toEnd(outcome: PrepareJobOutcome): JobEnd<ArtifactFile | PrepareError> {
  switch (outcome.kind) {
    case "unreachable":
      return outcome;
    case "concluded": {
      const { worker, result } = outcome;
      return {
        kind: "done",
        worker,
        value: "path" in result ? result : { kind: result.error, message: result.message },
      };
    }
    default:
      return { kind: "done", value: outcome };
  }
}

/** Whatever keeps a file from being looked at, it has to be made again. */
async function isThere(path: string): Promise<boolean> {
  try {
    return await exists(path, { isFile: true });
  } catch {
    return false;
  }
}
