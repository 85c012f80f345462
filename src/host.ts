/** The validation host: requests in, outcomes out. */
import { deadline } from "@std/async/deadline";
import { ActiveLeaves, type ActiveLeavesUpdate } from "./active_leaves.ts";
import type { CloseOptions, ExecuteOptions, PrecheckOptions } from "./call_options.ts";
import { chooseOuterSandbox } from "./choose_outer_sandbox.ts";
import { loadCryptoWasm } from "./crypto/load.ts";
import type { ExecuteOutcome } from "./execute_outcome.ts";
import { Executions, isBacking } from "./executions.ts";
import { execTimeoutMs, prepTimeoutMs } from "./executor_params.ts";
import { createQueues, type HostQueues } from "./host_queues.ts";
import { type HostSnapshot, takeSnapshot } from "./host_snapshot.ts";
import { checkTimeout, type HostOptions, type ResolvedHostOptions, resolveHostOptions } from "./options.ts";
import type { PrecheckOutcome } from "./precheck_outcome.ts";
import { Preparations } from "./preparations.ts";
import { prepareTask } from "./prepare_task.ts";
import { MAX_PARAMS_BYTES } from "./protocol/messages.ts";
import { probeSecurity } from "./probe_security.ts";
import { Pruning } from "./pruning.ts";
import type { Pvf } from "./pvf.ts";
import { EXECUTION_CLASSES, type ExecutionClass } from "./queue/fairness.ts";
import { ArtifactRegistry, type RemovedArtifact } from "./registry/registry.ts";
import { assertSecure, type SecurityReport } from "./security.ts";
import { WorkerProgram } from "./worker_process/program.ts";
import type { SpawnEnvironment } from "./worker_process/spawn.ts";

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

/** What a host is made of. */
interface HostParts {
  readonly options: ResolvedHostOptions;
  readonly registry: ArtifactRegistry;
  readonly program: WorkerProgram;
  readonly environment: Omit<SpawnEnvironment, "mainPath">;
  /** Why there is no outer sandbox, where there is none. */
  readonly outerMissing: string | undefined;
}

/** A probe ends by itself, within the time that a worker may take to start. */
const NEVER = new AbortController().signal;

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
  readonly #environment: Omit<SpawnEnvironment, "mainPath">;
  readonly #outerMissing: string | undefined;
  #security: Promise<SecurityReport> | undefined;
  readonly #queues: HostQueues;
  readonly #preparations: Preparations;
  readonly #executions: Executions;
  readonly #leaves = new ActiveLeaves();
  readonly #pruning: Pruning;
  readonly #pending = new Set<Promise<unknown>>();
  /** Resolves when whoever closes the host does not want to wait for unfinished calls any longer. */
  readonly #cut = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  private constructor(
    { options, registry, program, environment, outerMissing }: HostParts,
    security: SecurityReport | undefined,
  ) {
    this.#environment = environment;
    this.#outerMissing = outerMissing;
    this.#security = security && Promise.resolve(security);
    this.artifacts = registry;
    this.#registry = registry;
    this.#options = options;
    this.#program = program;
    const { onWarning, now, povBombLimitBytes, limits, metrics } = options;
    const queues = createQueues(options, { ...environment, mainPath: program.mainPath });
    const preparations = new Preparations({
      registry,
      now,
      retryCooldownMs: options.prepareRetryCooldownMs,
      maxRetries: options.maxPrepareRetries,
      precheckTimeoutMs: (pvf) => prepTimeoutMs(pvf.executorParams, "precheck", options.precheckTimeoutMs),
      prepareTimeoutMs: (pvf) => prepTimeoutMs(pvf.executorParams, "prepare", options.prepareTimeoutMs),
      prepare: (...wanted) => prepareTask({ queues, registry, options }, ...wanted),
    });
    const context = {
      registry,
      preparations,
      queues,
      leaves: this.#leaves,
      maxWaiting: options.maxQueuedExecutions,
      povBombLimitBytes,
      limits,
      now,
      metrics,
      onWarning,
    };
    this.#queues = queues;
    this.#preparations = preparations;
    this.#executions = new Executions(context);
    this.#pruning = new Pruning(registry, {
      intervalMs: options.pruneIntervalMs,
      ttlMs: options.artifactTtlMs,
      maxBytes: options.maxCacheBytes,
      minStaleMs: options.minStaleMs,
      onPrune: options.onPrune,
      onWarning,
    });
    queues.execute.pump();
  }

  /**
   * Starts a host: makes the cache directory, locks it, deletes what an earlier host left in it, and writes the worker program there.
   * Workers are started when there is work for them, besides one that is kept ready.
   *
   * Requires `--allow-read` and `--allow-write` for the cache directory and `--allow-run` for `deno`, and nothing else; an outer
   * sandbox requires `--allow-run` for its program as well.
   *
   * @param options The cache directory, limits and numbers of workers
   * @returns The host, which has to be closed
   * @throws {RangeError | TypeError} An option cannot be used
   * @throws {CacheLockedError} Another host uses the directory
   * @throws {InsecureError} `secureMode` is wanted, and workers would not be confined
   * @throws {OuterSandboxError} `sandbox.outer` is `"bubblewrap"`, and it cannot be used
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
    const { cachePath, now, onWarning, engineSource, denoPath, spawnTimeoutMs, secureMode } = resolved;
    const cryptoWasm = await loadCryptoWasm();
    const registry = await ArtifactRegistry.open({ path: cachePath, now });
    const newPath: SpawnEnvironment["newPath"] = (prefix) => registry.newPath(prefix);
    try {
      const choice = await chooseOuterSandbox(resolved, registry.path);
      const environment = { denoPath, cryptoWasm, spawnTimeoutMs, newPath, onWarning, outer: choice.outer };
      const outerMissing = choice.outer ? undefined : choice.missing;
      for (const { name, error } of registry.cleanUp.failures) onWarning(`Cannot delete the leftover "${name}"`, error);
      const programPath = registry.newPath("kiln-worker-program-");
      const report = secureMode
        ? await probeSecurity({ environment, outerMissing, programPath, secureMode, signal: NEVER })
        : undefined;
      if (report) assertSecure(report);
      const program = await WorkerProgram.write(registry.newPath("kiln-worker-program-"), engineSource);
      return new ValidationHost({ options: resolved, registry, program, environment, outerMissing }, report);
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
   * @throws {RangeError | TypeError} An option cannot be used
   * @throws {QueueFullError} As many executions wait as may
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
    const { params, executionClass = "approval", relayParent, signal } = options;
    if (!EXECUTION_CLASSES.includes(executionClass)) {
      throw new TypeError(
        `Cannot use executionClass "${executionClass}": one of ${EXECUTION_CLASSES.join(", ")} wanted`,
      );
    }
    const timeoutMs = options.timeoutMs ?? this.#defaultTimeoutMs(pvf, executionClass);
    checkTimeout("timeoutMs", timeoutMs);
    if (params.length > MAX_PARAMS_BYTES) {
      throw new RangeError(`Cannot use params: ${params.length} bytes, at most ${MAX_PARAMS_BYTES} wanted`);
    }
    const execution = { pvf, params, timeoutMs, executionClass, relayParent, signal };
    return await this.#track(() => this.#pruning.inUse(pvf.artifactId, () => this.#executions.run(execution)));
  }

  /**
   * Says which code will be needed soon: what is not prepared is prepared, when nothing more urgent is to be done. Nobody is told what
   * came of it; the first execution is.
   *
   * @param pvfs The code
   * @throws {HostClosedError} The host is closed
   *
   * @example
   * ```ts
   * import { Pvf, ValidationHost } from "@kiln/host";
   * import { assertEquals } from "@std/assert";
   *
   * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * const pvf = await Pvf.fromCode(new Uint8Array());
   * host.headsUp([pvf]);
   * assertEquals(host.artifacts.get(pvf.artifactId)?.state, "preparing");
   * ```
   */
  headsUp(pvfs: Iterable<Pvf>): void {
    this.#assertOpen();
    for (const pvf of pvfs) this.#preparations.headsUp(pvf);
  }

  /**
   * Says how the relay chain's leaves changed. Backing jobs that named a relay parent and can no longer matter end in
   * `execution-deadline`, whether they wait for an artifact or for a worker; those that run go on.
   *
   * @param update The new leaf with its ancestors, and the leaves that are none any more
   * @throws {HostClosedError} The host is closed
   *
   * @example
   * ```ts
   * import { Pvf, ValidationHost } from "@kiln/host";
   * import { assertEquals } from "@std/assert";
   *
   * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * const pvf = await Pvf.fromCode(new Uint8Array());
   * const job = { params: new Uint8Array(), executionClass: "backing", relayParent: "0x01" } as const;
   * const outcome = host.execute(pvf, job);
   * host.updateActiveLeaves({ activated: { hash: "0x03", ancestors: ["0x02"] } });
   * assertEquals((await outcome).kind, "execution-deadline");
   * ```
   */
  updateActiveLeaves(update: ActiveLeavesUpdate): void {
    this.#assertOpen();
    this.#leaves.update(update);
    this.#executions.expire();
  }

  /**
   * What the walls around workers hold on this machine, tried out by a real worker that is started as all others are. In secure mode
   * that was done at the start, and a host that lacks something does not start; otherwise it is done when it is first asked for.
   *
   * @returns What holds, and what does not with what to do about it
   * @throws {HostClosedError} The host is closed
   *
   * @example
   * ```ts
   * import { ValidationHost } from "@kiln/host";
   * import { assert } from "@std/assert";
   *
   * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * const { status, problems } = await host.security();
   * assert(status.canConfineReads, JSON.stringify(problems));
   * ```
   */
  async security(): Promise<SecurityReport> {
    return await this.#track(() => this.#security ??= this.#probe());
  }

  /**
   * What the host is doing now: workers, queues and artifacts, for people and for dashboards.
   *
   * @returns Counts that do not change any more
   *
   * @example
   * ```ts
   * import { ValidationHost } from "@kiln/host";
   * import { assertEquals } from "@std/assert";
   *
   * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
   * assertEquals(host.snapshot().artifacts.prepared, 0);
   * ```
   */
  snapshot(): HostSnapshot {
    return takeSnapshot(this.#queues, this.#registry);
  }

  /**
   * Forgets the artifacts that nobody needed for more than `ttlMs`, and deletes their files, then what is over the size that is
   * allowed. An artifact that an execution waits for or runs stays. The host does the same from time to time.
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
    return await this.#track(() => this.#pruning.prune(ttlMs));
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

  #defaultTimeoutMs({ executorParams }: Pvf, executionClass: ExecutionClass): number {
    const { executeTimeoutMs, backingTimeoutMs } = this.#options;
    return isBacking(executionClass)
      ? execTimeoutMs(executorParams, "backing", backingTimeoutMs)
      : execTimeoutMs(executorParams, "approval", executeTimeoutMs);
  }

  async #probe(): Promise<SecurityReport> {
    const programPath = this.#registry.newPath("kiln-worker-program-");
    const { signal } = this.#closing;
    try {
      return await probeSecurity({
        environment: this.#environment,
        outerMissing: this.#outerMissing,
        programPath,
        secureMode: false,
        signal,
      });
    } catch (error) {
      this.#security = undefined; // The next call may fare better.
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw new HostClosedError("Cannot use the host: it is closed");
  }

  /** A call belongs to the host until it is settled: closing waits for it. */
  async #track<T>(call: () => Promise<T>): Promise<T> {
    this.#assertOpen();
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
    this.#closing.abort(reason);
    this.#pruning[Symbol.dispose]();
    await Promise.all([this.#queues.prepare.close(reason), this.#queues.execute.close(reason)]);
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
