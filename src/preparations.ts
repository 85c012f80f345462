/**
 * The life cycle of artifacts: one preparation for an artifact at a time, however many wait for it; what is prepared is used, what
 * failed by the code's own fault is remembered, and what failed otherwise is tried again after a while.
 *
 * A precheck and an execution share the artifact but not the limits, and neither answers for the other where that matters. An artifact
 * knows what preparing it took, so a precheck of one that was prepared for an execution is measured by that. A preparation that failed
 * under a precheck's limits of time or memory is tried again for an execution, at once.
 */
import { abortable } from "@std/async/abortable";
import { exists } from "@std/fs";
import { isDeterministic, type PrepareError, type PrepareErrorKind, type PrepareStats } from "./prepare_error.ts";
import type { Pvf } from "./pvf.ts";
import type { PreparePriority } from "./queue/prepare_schedule.ts";
import {
  type ArtifactFile,
  artifactKey,
  type FailedArtifact,
  type PreparedArtifact,
  type PrepareLimits,
} from "./registry/artifact.ts";
import type { ArtifactRegistry } from "./registry/registry.ts";

/** An artifact that can be used, or why there is none. */
export type Preparation = PreparedArtifact | FailedArtifact;

/** A preparation in the queue or on a worker. */
export interface PrepareTask {
  readonly result: Promise<ArtifactFile | PrepareError>;
  /** Lets it go before those that nobody waits for so urgently. */
  raise(): void;
}

/** What the preparations of a host need. */
export interface PreparationsContext {
  readonly registry: ArtifactRegistry;
  readonly now: () => number;
  /** How long a failure of no known fault of the code is not tried again, in milliseconds, and how often it is. */
  readonly retryCooldownMs: number;
  readonly maxRetries: number;
  /** The CPU time that a precheck of this code may take, in milliseconds. */
  precheckTimeoutMs(pvf: Pvf): number;
  /** The CPU time that preparing this code for an execution may take, in milliseconds. */
  prepareTimeoutMs(pvf: Pvf): number;
  /** Queues a preparation. */
  prepare(pvf: Pvf, limits: PrepareLimits, priority: PreparePriority): PrepareTask;
}

interface Running {
  readonly done: Promise<Preparation>;
  readonly task: PrepareTask;
}

/** The artifacts of one host. */
export class Preparations {
  readonly #context: PreparationsContext;
  /** What is being prepared, by artifact. Whoever comes later waits for the same. */
  readonly #running = new Map<string, Running>();

  constructor(context: PreparationsContext) {
    this.#context = context;
  }

  /** For a precheck: a failure is never tried again. */
  async forPrecheck(pvf: Pvf, signal?: AbortSignal): Promise<Preparation> {
    const allowedMs = this.#context.precheckTimeoutMs(pvf);
    const isFinal = (found: Preparation): boolean => found.state === "failed" && !hadLessTime(found, allowedMs);
    const known = this.#context.registry.get(pvf.artifactId);
    if (known?.state === "failed" && isFinal(known)) return known;
    const found = await this.#ensure(pvf, "precheck", "normal", signal);
    // Whoever joined a preparation that had less time has time of its own.
    const own = hadLessTime(found, allowedMs) ? await this.#ensure(pvf, "precheck", "normal", signal) : found;
    return this.#byStrictLimits(pvf, own);
  }

  /** For an execution: a file that is gone is made again, and so is, after a while, what failed by no known fault of the code. */
  async forExecution(pvf: Pvf, priority: PreparePriority, signal?: AbortSignal): Promise<Preparation> {
    const { registry } = this.#context;
    const prepared = registry.get(pvf.artifactId);
    if (prepared?.state === "prepared" && !await isThere(prepared.path)) {
      await registry.remove(pvf.artifactId, prepared.path);
    }
    const known = registry.get(pvf.artifactId);
    if (known?.state === "failed" && !this.#mayRetry(pvf, known)) return known;
    const found = await this.#ensure(pvf, "compile", priority, signal);
    // Whoever joined a preparation with other limits has limits of its own.
    return this.#hadLess(pvf, found) ? await this.#ensure(pvf, "compile", priority, signal) : found;
  }

  /** Ahead of any need: begins what is not begun, and nobody waits. */
  headsUp(pvf: Pvf): void {
    const known = this.#context.registry.get(pvf.artifactId);
    if (known?.state === "prepared") this.#context.registry.touch(pvf.artifactId);
    else if (known === undefined || (known.state === "failed" && this.#mayRetry(pvf, known))) {
      this.#begin(pvf, "compile", "normal");
    }
  }

  /** Whether it failed by limits that an execution of this code does not have. */
  #hadLess(pvf: Pvf, found: Preparation): boolean {
    return isBeyondPrecheck(found) || hadLessTime(found, this.#context.prepareTimeoutMs(pvf));
  }

  #mayRetry(pvf: Pvf, failed: FailedArtifact): boolean {
    if (this.#hadLess(pvf, failed)) return true;
    const { now, retryCooldownMs, maxRetries } = this.#context;
    const isOver = now() >= failed.lastFailed + retryCooldownMs;
    return !isDeterministic(failed.error) && isOver && failed.numFailures <= maxRetries;
  }

  /** A precheck's verdict on what was prepared under more lenient limits. */
  #byStrictLimits(pvf: Pvf, found: Preparation): Preparation {
    if (found.state === "failed") return found;
    const error = overStrictLimits(pvf, found.stats, this.#context.precheckTimeoutMs(pvf));
    if (!error) return found;
    return { state: "failed", lastFailed: found.lastNeeded, numFailures: 1, error, limits: "precheck" };
  }

  async #ensure(
    pvf: Pvf,
    limits: PrepareLimits,
    priority: PreparePriority,
    signal?: AbortSignal,
  ): Promise<Preparation> {
    signal?.throwIfAborted();
    const { registry } = this.#context;
    const id = pvf.artifactId;
    const known = registry.get(id);
    if (known?.state === "prepared") {
      registry.touch(id);
      return known;
    }
    const running = this.#running.get(artifactKey(id)) ?? this.#begin(pvf, limits, priority);
    if (priority === "critical") running.task.raise();
    // Only this caller's waiting ends with its signal: others may wait for the same, and the next one will want it.
    return await (signal ? abortable(running.done, signal) : running.done);
  }

  #begin(pvf: Pvf, limits: PrepareLimits, priority: PreparePriority): Running {
    const { registry, prepare } = this.#context;
    const id = pvf.artifactId;
    const task = prepare(pvf, limits, priority);
    if (registry.get(id)) registry.retryPreparing(id);
    else registry.insertPreparing(id);
    const key = artifactKey(id);
    const done = this.#conclude(pvf, limits, task).finally(() => this.#running.delete(key));
    done.catch(() => {}); // Every caller may have gone; a closing host then rejects for nobody.
    const running = { done, task };
    this.#running.set(key, running);
    return running;
  }

  async #conclude(pvf: Pvf, limits: PrepareLimits, task: PrepareTask): Promise<Preparation> {
    const { registry, now } = this.#context;
    const id = pvf.artifactId;
    let result: ArtifactFile | PrepareError;
    try {
      result = await task.result;
    } catch (error) {
      registry.abandonPreparing(id);
      throw error;
    }
    if ("path" in result) registry.setPrepared(id, result);
    else if (!NEVER_TRIED.has(result.kind)) registry.setFailed(id, result, limits);
    else {
      // It says nothing about the code, so the next request finds nothing known.
      registry.abandonPreparing(id);
      return { state: "failed", lastFailed: now(), numFailures: 1, error: result, limits };
    }
    return registry.get(id) as Preparation;
  }
}

/** What goes wrong before a worker has seen the code. */
const NEVER_TRIED: ReadonlySet<PrepareErrorKind> = new Set<PrepareErrorKind>([
  "spawn",
  "unreachable",
  "create-tmp-file",
]);

/** Whether it failed for want of time, and of less time than this. */
function hadLessTime(found: Preparation, allowedMs: number): boolean {
  return found.state === "failed" && (found.error.allowedMs ?? Infinity) < allowedMs;
}

/** What a precheck finds wrong with what a preparation took. */
function overStrictLimits(
  pvf: Pvf,
  { cpuTimeMs, maxRssKib }: PrepareStats,
  allowedMs: number,
): PrepareError | undefined {
  const { precheckingMaxMemoryBytes: allowedBytes = Infinity } = pvf.executorParams;
  if (cpuTimeMs > allowedMs) {
    return {
      kind: "timed-out",
      message: `The preparation took ${cpuTimeMs} ms of CPU time, at most ${allowedMs} ms allowed`,
    };
  }
  if (maxRssKib * 1024 <= allowedBytes) return undefined;
  return {
    kind: "out-of-memory",
    message: `The preparation took ${maxRssKib} KiB, at most ${allowedBytes} bytes allowed`,
  };
}

/** Whether it failed by limits that an execution does not have. */
function isBeyondPrecheck(found: Preparation): boolean {
  if (found.state === "prepared" || found.limits === "compile") return false;
  return found.error.kind === "timed-out" || found.error.kind === "out-of-memory";
}

/** Whatever keeps a file from being looked at, it has to be made again. */
async function isThere(path: string): Promise<boolean> {
  try {
    return await exists(path, { isFile: true });
  } catch {
    return false;
  }
}
