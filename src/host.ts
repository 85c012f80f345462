/** The validation host: requests in, outcomes out. */
import { deadline } from "@std/async/deadline";
import { loadCryptoWasm } from "./crypto/load.ts";
import { errorText } from "./error_text.ts";
import { checkTimeout, type HostOptions, type ResolvedHostOptions, resolveHostOptions } from "./options.ts";
import { type ExecuteOutcome, fromPrepareError } from "./execute_outcome.ts";
import type { PrecheckOutcome } from "./precheck_outcome.ts";
import { Preparations } from "./preparations.ts";
import { MAX_PARAMS_BYTES } from "./protocol/messages.ts";
import type { Pvf } from "./pvf.ts";
import { type JobEnd, JobQueue } from "./queue/job_queue.ts";
import type { PreparedArtifact } from "./registry/artifact.ts";
import { ArtifactRegistry, type RemovedArtifact } from "./registry/registry.ts";
import { type ExecuteJob, runExecuteJob } from "./worker_process/execute_job.ts";
import { WorkerProgram } from "./worker_process/program.ts";
import { type SpawnEnvironment, SpawnError, spawnWorker } from "./worker_process/spawn.ts";

/**
 * What a call on a closed host is rejected with, and a call that closing the host cut short.
 *
 * @example
 * ```ts
 * import { HostClosedError, Pvf, ValidationHost } from "@kiln/host";
 * import { assertRejects } from "@std/assert";
 *
 * const host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * await host.close();
 * const pvf = await Pvf.fromCode(new Uint8Array());
 * await assertRejects(() => host.precheck(pvf), HostClosedError);
 * ```
 */
export class HostClosedError extends Error {
  /** The name of the class. */
  override name = "HostClosedError";
}

/**
 * Options of {@linkcode ValidationHost.precheck}.
 *
 * @example Waiting no longer than ten seconds
 * ```ts
 * import type { PrecheckOptions } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const options: PrecheckOptions = { signal: AbortSignal.timeout(10_000) };
 * assertEquals(options.signal?.aborted, false);
 * ```
 */
export interface PrecheckOptions {
  /**
   * Ends the waiting of this call, which then rejects with the signal's reason. The preparation itself goes on: others may wait for
   * it, and the next call finds its result.
   */
  readonly signal?: AbortSignal;
}

/**
 * Options of {@linkcode ValidationHost.execute}.
 *
 * @example What a backer may take
 * ```ts
 * import type { ExecuteOptions } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const options: ExecuteOptions = { params: new Uint8Array(), timeoutMs: 2_000 };
 * assertEquals(options.timeoutMs, 2_000);
 * ```
 */
export interface ExecuteOptions {
  /** The bytes that the code is given: for a PVF, SCALE-encoded `ValidationParams`. At most 64 MiB. */
  readonly params: Uint8Array;
  /**
   * The CPU time that the job may take, in milliseconds. Waiting and preparing do not count.
   *
   * @default The host's `executeTimeoutMs`
   */
  readonly timeoutMs?: number;
  /**
   * Ends the job: a waiting one is not begun, the worker of a running one is killed. The call then rejects with the signal's reason.
   */
  readonly signal?: AbortSignal;
}

/**
 * Options of {@linkcode ValidationHost.close}.
 *
 * @example Finish, but not for longer than five seconds
 * ```ts
 * import { type CloseOptions, ValidationHost } from "@kiln/host";
 *
 * const options: CloseOptions = { drain: true, timeoutMs: 5_000 };
 * const host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * await host.close(options);
 * ```
 */
export interface CloseOptions {
  /**
   * Whether to finish what was asked for before. Otherwise it is cut short and its calls reject with {@linkcode HostClosedError}.
   *
   * @default {false}
   */
  readonly drain?: boolean;
  /**
   * How long finishing may take, in milliseconds. What is not finished then is cut short.
   *
   * @default No limit
   */
  readonly timeoutMs?: number;
}

/**
 * The registry of a host, to be looked at: only the host itself may change it.
 *
 * @example
 * ```ts
 * import { type ArtifactsView, ValidationHost } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * const artifacts: ArtifactsView = host.artifacts;
 * assertEquals([artifacts.size, artifacts.bytes], [0, 0]);
 * ```
 */
export type ArtifactsView = Pick<ArtifactRegistry, "path" | "cleanUp" | "size" | "bytes" | "get" | "entries">;

/** A prepare worker runs no code, so it needs no limit of its own on the memory of code: all that WebAssembly can address. */
const PREPARE_WORKER_PAGES = 65_536;

/**
 * Prepares untrusted code once, in a sandboxed worker process, keeps the result as an artifact on disk, and executes it many times in
 * sandboxed workers.
 *
 * @example Whether code passes a precheck
 * ```ts
 * import { Pvf, ValidationHost } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const cachePath = await Deno.makeTempDir();
 * await using host = await ValidationHost.start({ cachePath });
 * const pvf = await Pvf.fromCode(new TextEncoder().encode("not WebAssembly"));
 * const outcome = await host.precheck(pvf);
 * assertEquals(outcome.kind, "failed");
 * assertEquals(outcome.kind === "failed" && outcome.error.kind, "prevalidation");
 * ```
 */
export class ValidationHost implements AsyncDisposable {
  /** What is prepared. */
  readonly artifacts: ArtifactsView;
  readonly #registry: ArtifactRegistry;
  readonly #options: ResolvedHostOptions;
  readonly #program: WorkerProgram;
  readonly #spawn: (...wanted: SpawnArguments) => ReturnType<typeof spawnWorker>;
  readonly #prepareQueue: JobQueue;
  readonly #executeQueue: JobQueue;
  readonly #preparations: Preparations;
  readonly #pending = new Set<Promise<unknown>>();
  /** Resolves when whoever closes the host does not want to wait for unfinished calls any longer. */
  readonly #cut = Promise.withResolvers<void>();
  #closed: Promise<void> | undefined;

  private constructor(
    options: ResolvedHostOptions,
    registry: ArtifactRegistry,
    program: WorkerProgram,
    cryptoWasm: Uint8Array,
  ) {
    this.artifacts = registry;
    this.#registry = registry;
    this.#options = options;
    this.#program = program;
    const { denoPath, spawnTimeoutMs, maxPrepareWorkers, maxExecuteWorkers, maxJobsPerWorker } = options;
    const environment: SpawnEnvironment = {
      denoPath,
      mainPath: program.mainPath,
      cryptoWasm,
      spawnTimeoutMs,
      newPath: (prefix) => registry.newPath(prefix),
      onWarning: options.onWarning,
    };
    this.#spawn = (...wanted) => spawnWorker(environment, ...wanted);
    this.#prepareQueue = new JobQueue({ maxWorkers: maxPrepareWorkers, maxJobsPerWorker });
    this.#executeQueue = new JobQueue({ maxWorkers: maxExecuteWorkers, maxJobsPerWorker });
    this.#preparations = new Preparations({
      registry,
      queue: this.#prepareQueue,
      options,
      spawn: (signal) => this.#spawn("prepare-worker", PREPARE_WORKER_PAGES, signal),
    });
  }

  /**
   * Starts a host: makes the cache directory, locks it, deletes what an earlier host left in it, and writes the worker program there.
   * Workers are started when there is work for them.
   *
   * Requires `--allow-read` and `--allow-write` for the cache directory and `--allow-run` for `deno`, and nothing else.
   *
   * @param options The cache directory, limits and numbers of workers
   * @returns The host, which has to be closed
   * @throws {RangeError | TypeError} An option cannot be used
   * @throws {CacheLockedError} Another host uses the directory
   * @throws {Deno.errors.NotCapable} A permission is missing
   *
   * @example A fresh process for every job
   * ```ts
   * import { ValidationHost } from "@kiln/host";
   *
   * await using host = await ValidationHost.start({
   *   cachePath: await Deno.makeTempDir(),
   *   maxJobsPerWorker: 1,
   * });
   * ```
   */
  static async start(options: HostOptions): Promise<ValidationHost> {
    const resolved = resolveHostOptions(options);
    const { cachePath, now, onWarning, engineSource } = resolved;
    const cryptoWasm = await loadCryptoWasm();
    const registry = await ArtifactRegistry.open({ path: cachePath, now });
    try {
      for (const { name, error } of registry.cleanUp.failures) onWarning(`Cannot delete the leftover "${name}"`, error);
      const program = await WorkerProgram.write(registry.newPath("kiln-worker-program-"), engineSource);
      return new ValidationHost(resolved, registry, program, cryptoWasm);
    } catch (error) {
      await registry.close();
      throw error;
    }
  }

  /**
   * Whether code can be prepared, under the limits of a precheck. An artifact that is there already answers at once, and so does a
   * failure that is remembered.
   *
   * @param pvf The code
   * @param options A signal
   * @returns What was found; a failure is a value and not an exception
   * @throws {HostClosedError} The host is closed, or was closed meanwhile
   *
   * @example
   * ```ts
   * import { Pvf, ValidationHost } from "@kiln/host";
   * import { assert } from "@std/assert";
   *
   * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * const outcome = await host.precheck(await Pvf.fromCode(new Uint8Array()));
   * assert(outcome.kind === "failed");
   * ```
   */
  async precheck(pvf: Pvf, options: PrecheckOptions = {}): Promise<PrecheckOutcome> {
    const { codeHash } = pvf;
    const preparation = await this.#track(() => this.#preparations.forPrecheck(pvf, options.signal));
    if (preparation.state === "failed") return { kind: "failed", codeHash, error: preparation.error };
    return { kind: "prepared", codeHash, artifactBytes: preparation.sizeBytes, ...preparation.stats };
  }

  /**
   * Executes code once on some parameters, in a worker that has run no other code. What is not prepared yet is prepared first.
   *
   * @param pvf The code
   * @param options The parameters, a time limit, a signal
   * @returns The verdict; a verdict against is a value and not an exception
   * @throws {RangeError} An option cannot be used
   * @throws {HostClosedError} The host is closed, or was closed meanwhile
   *
   * @example
   * ```ts
   * import { Pvf, ValidationHost } from "@kiln/host";
   * import { assertEquals } from "@std/assert";
   *
   * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * const pvf = await Pvf.fromCode(new Uint8Array());
   * const outcome = await host.execute(pvf, { params: new Uint8Array(), timeoutMs: 2_000 });
   * assertEquals(outcome.kind, "preparation");
   * ```
   */
  async execute(pvf: Pvf, options: ExecuteOptions): Promise<ExecuteOutcome> {
    const { params, timeoutMs = this.#options.executeTimeoutMs, signal } = options;
    checkTimeout("timeoutMs", timeoutMs);
    if (params.length > MAX_PARAMS_BYTES) {
      throw new RangeError(`Cannot use params: ${params.length} bytes, at most ${MAX_PARAMS_BYTES} wanted`);
    }
    // The caller may do with its bytes what it likes while the job waits.
    const job = { params: params.slice(), timeoutMs };
    return await this.#track(() => this.#execute(pvf, job, signal));
  }

  /**
   * Forgets the artifacts that nobody needed for more than `ttlMs`, and deletes their files. What is pruned while an execution of it
   * waits is prepared again for that.
   *
   * @param ttlMs The age up to which an artifact stays, in milliseconds
   * @returns What was removed
   * @throws {RangeError} `ttlMs` is not a finite number of at least 0
   * @throws {HostClosedError} The host is closed
   *
   * @example
   * ```ts
   * import { ValidationHost } from "@kiln/host";
   * import { assertEquals } from "@std/assert";
   *
   * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * assertEquals(await host.prune(24 * 60 * 60_000), []);
   * ```
   */
  async prune(ttlMs: number): Promise<RemovedArtifact[]> {
    const removed = await this.#track(() => this.#registry.prune(ttlMs));
    this.#warn(removed);
    return removed;
  }

  /**
   * Closes the host: no call is accepted any more, every worker is ended, worker directories and the worker program are deleted, and
   * the cache directory is unlocked. Artifacts stay on disk until the next start, which trusts none of them.
   *
   * @param options Whether to finish what was asked for before
   *
   * @example
   * ```ts
   * import { HostClosedError, Pvf, ValidationHost } from "@kiln/host";
   * import { assertRejects } from "@std/assert";
   *
   * const host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * await host.close({ drain: true, timeoutMs: 1_000 });
   * const pvf = await Pvf.fromCode(new Uint8Array());
   * await assertRejects(() => host.precheck(pvf), HostClosedError);
   * ```
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { drain = false, timeoutMs } = options;
    if (timeoutMs !== undefined) checkTimeout("timeoutMs", timeoutMs);
    const drained = drain ? this.#drained(timeoutMs) : undefined;
    this.#closed ??= this.#close();
    await drained;
    this.#cut.resolve();
    await this.#closed;
  }

  /** Closes the host and cuts short what is not finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #execute(
    pvf: Pvf,
    job: Pick<ExecuteJob, "params" | "timeoutMs">,
    signal: AbortSignal | undefined,
  ): Promise<ExecuteOutcome> {
    for (let attempt = 1;; attempt++) {
      const preparation = await this.#preparations.forExecution(pvf, signal);
      if (preparation.state === "failed") return fromPrepareError(preparation.error);
      const outcome = await this.#run(pvf, preparation, job, signal);
      if (isArtifactAtFault(outcome)) this.#warn([await this.#registry.remove(pvf.artifactId, preparation.path)]);
      // The file may have been pruned while the job waited. It is prepared again, once.
      if (!isArtifactGone(outcome) || attempt > 1) return outcome;
    }
  }

  async #run(
    pvf: Pvf,
    { path, checksum }: PreparedArtifact,
    { params, timeoutMs }: Pick<ExecuteJob, "params" | "timeoutMs">,
    signal: AbortSignal | undefined,
  ): Promise<ExecuteOutcome> {
    const codeHash = Uint8Array.fromHex(pvf.codeHash.slice(2));
    const prepHash = Uint8Array.fromHex(pvf.prepHash.slice(2));
    const { povBombLimitBytes } = this.#options;
    const job = { artifact: { path, checksum, codeHash, prepHash }, params, timeoutMs, povBombLimitBytes };
    try {
      return await this.#executeQueue.submit<ExecuteOutcome>({
        boundTo: path,
        spawn: (signal) => this.#spawn("execute-worker", pvf.maxMemoryPages, signal),
        run: (worker, signal) => runExecute(worker, job, signal),
        unreachable: (message) => ({ kind: "internal", reason: "host-communication", message, log: [] }),
      }, signal);
    } catch (error) {
      if (!(error instanceof SpawnError)) throw error;
      return { kind: "internal", reason: "spawn", message: errorText(error), log: [] };
    }
  }

  #warn(removed: Iterable<RemovedArtifact | undefined>): void {
    for (const artifact of removed) {
      if (artifact?.error) this.#options.onWarning(`Cannot delete the artifact "${artifact.path}"`, artifact.error);
    }
  }

  /** A call belongs to the host until it is settled: closing waits for it. */
  async #track<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new HostClosedError("Cannot use the host: it is closed");
    const pending = call();
    this.#pending.add(pending);
    try {
      return await pending;
    } finally {
      this.#pending.delete(pending);
    }
  }

  /** Every step is taken, whatever becomes of the one before. */
  async #close(): Promise<void> {
    await this.#cut.promise;
    const reason = new HostClosedError("The host was closed before the call was finished");
    await Promise.all([this.#prepareQueue.close(reason), this.#executeQueue.close(reason)]);
    await Promise.allSettled(this.#pending);
    try {
      await this.#program.remove();
    } catch (error) {
      this.#options.onWarning("Cannot delete the worker program", error);
    }
    await this.#registry.close();
  }

  /** Resolves when every call is settled, or the time is up. */
  async #drained(timeoutMs: number | undefined): Promise<void> {
    const settled = Promise.allSettled(this.#pending);
    if (timeoutMs === undefined) return void await settled;
    // The time's end is what its rejection means, and the calls themselves are settled.
    await deadline(settled, timeoutMs).catch(() => {});
  }
}

type SpawnArguments = Parameters<typeof spawnWorker> extends [unknown, ...infer Rest] ? Rest : never;

async function runExecute(...args: Parameters<typeof runExecuteJob>): Promise<JobEnd<ExecuteOutcome>> {
  const end = await runExecuteJob(...args);
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
