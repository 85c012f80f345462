/**
 * Everything of a host but its processes, in random order: preparations, executions, both queues with their schedules, pruning and the
 * registry with its disk are real; a worker is an object that answers when a command says so.
 */
import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { basename } from "@std/path";
import fc from "fast-check";
import { setImmediate } from "node:timers";
import { ActiveLeaves } from "../src/active_leaves.ts";
import type { ExecuteOutcome } from "../src/execute_outcome.ts";
import { Executions, isBacking } from "../src/executions.ts";
import type { HostQueues } from "../src/host_queues.ts";
import { type ResolvedHostOptions, resolveHostOptions } from "../src/options.ts";
import { isDeterministic } from "../src/prepare_error.ts";
import { prepareTask } from "../src/prepare_task.ts";
import { type Preparation, Preparations } from "../src/preparations.ts";
import type { FrameKind } from "../src/protocol/frame.ts";
import type { JobLimits } from "../src/protocol/job_limits.ts";
import {
  BIND_REQUEST,
  type BindRequest,
  EXECUTE_REQUEST,
  type PrepareRequest,
  type PrepareResponse,
  type WorkerExecuteError,
  type WorkerPrepareError,
} from "../src/protocol/messages.ts";
import { ARTIFACT, TMP_ARTIFACT } from "../src/protocol/worker_files.ts";
import { Pruning } from "../src/pruning.ts";
import { Pvf } from "../src/pvf.ts";
import type { Timer } from "../src/queue/cancellation.ts";
import { type ExecuteEntry, ExecuteSchedule } from "../src/queue/execute_schedule.ts";
import { EXECUTION_CLASSES, type ExecutionClass } from "../src/queue/fairness.ts";
import {
  type PrepareEntry,
  type PreparePriority,
  PrepareSchedule,
  type PrepareScheduleOptions,
} from "../src/queue/prepare_schedule.ts";
import { type Moment, QueueFullError } from "../src/queue/schedule.ts";
import { type Waiting, WorkerQueue, type WorkerQueueOptions } from "../src/queue/worker_queue.ts";
import { artifactKey, type PrepareLimits } from "../src/registry/artifact.ts";
import { ArtifactRegistry } from "../src/registry/registry.ts";
import { EndOfOutput } from "../src/worker_process/frame_stream.ts";
import { IdleWorker } from "../src/worker_process/idle_worker.ts";
import { SpawnError } from "../src/worker_process/spawn.ts";
import { WorkerDir } from "../src/worker_process/worker_dir.ts";
import type { WorkerProcess } from "../src/worker_process/worker_process.ts";
import { announce, ManualClock, namesIn, TempDirectory } from "./registry/fixtures.ts";

const NUM_RUNS = 300;
const MAX_COMMANDS = 40;
/** How long anything may take that waits for nothing but the disk. */
const STALLED_MS = 5_000;

const CLOSED = new Error("The host was closed");
const UNWANTED = new Error("Nobody wants it any more");
const DEFAULT_PAGES = 2_080;
const RETRY_MS = 10;
const IDLE_MS = 1_000_000;
const MAX_FAILED_ENTRIES = 2;

const PVFS = await Promise.all([0, 1, 2].map((number) =>
  Pvf.fromCode(
    Uint8Array.of(number),
    // One that is too large for a worker that is kept ready.
    number === 2 ? { executorParams: { maxMemoryPages: 2 * DEFAULT_PAGES } } : {},
  )
));
const PARENTS = ["0xa0", "0xa1", "0xa2"] as const;

type Kind = "prepare" | "execute";

const PREPARE_VERDICTS = [
  "prepared",
  "prepared-slowly",
  "prepared-and-dies",
  "prepared-and-cannot-clear",
  "tampered",
  "prevalidation",
  "out-of-memory",
  "io-error",
  "out-of-time",
  "dies",
  "dies-of-memory",
  "wrong-request",
] as const;
const EXECUTE_VERDICTS = [
  "valid",
  "valid-and-dies",
  "valid-and-cannot-clear",
  "trap",
  "runtime-construction",
  "resources",
  "out-of-time",
  "dies",
  "wrong-request",
] as const;
type PrepareVerdict = typeof PREPARE_VERDICTS[number];
type ExecuteVerdict = typeof EXECUTE_VERDICTS[number];

interface Request {
  readonly message: { requestId: number; limits: JobLimits };
  readonly limits: PrepareLimits | undefined;
}

/** Lets the disk and whoever waits for it have a turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What the host sees of a worker process. */
class FakeProcess {
  jobs = 0;
  boundTo: string | undefined;
  /** What the worker was asked and has not answered. */
  request: Request | undefined;
  state: "alive" | "deaf" | "ended" = "alive";
  /** Whether the host has begun to end it. */
  isRetired = false;
  readonly #exited = Promise.withResolvers<Deno.CommandStatus>();
  #answer = Promise.withResolvers<unknown>();
  #end = "exited with status 1";
  #onExit: (() => void) | undefined;
  #content = new Uint8Array();
  #retiring: Promise<void> | undefined;
  #nextRequestId = 1;
  /** What the process does with its directory. */
  #binding: Promise<void> | undefined;

  constructor(
    readonly bench: Bench,
    readonly kind: Kind,
    readonly directory: WorkerDir,
    readonly maxMemoryPages: number,
  ) {}

  get idle(): IdleWorker {
    return new IdleWorker(this as unknown as WorkerProcess);
  }

  get exited(): Promise<Deno.CommandStatus> {
    return this.#exited.promise;
  }

  set onExit(onExit: (() => void) | undefined) {
    this.#onExit = onExit;
    if (this.state === "ended") onExit?.();
  }

  nextRequestId(): number {
    return this.#nextRequestId++;
  }

  describeEnd(): Promise<string> {
    return Promise.resolve(this.#end);
  }

  receive(): Promise<unknown> {
    this.#answer = Promise.withResolvers();
    if (this.state === "ended") this.#answer.reject(new EndOfOutput("The output ended"));
    return this.#answer.promise;
  }

  receiveOr(): Promise<unknown> {
    return this.receive();
  }

  send<T>(kind: FrameKind<T>, message: T): Promise<void> {
    if (this.isRetired) this.bench.faults.push("a worker that was retired is given a job");
    if (this.request) this.bench.faults.push("a worker that is busy is given another job");
    if (this.kind === "prepare" && this.jobs > 1) this.bench.faults.push("a prepare worker is given a second job");
    if (this.state !== "alive") {
      this.end();
      return Promise.reject(new Error("Broken pipe"));
    }
    const request = message as Request["message"] & Partial<PrepareRequest>;
    if (kind.tag === BIND_REQUEST.tag) this.#binding = this.#bind(message as unknown as BindRequest);
    else this.request = { message: request, limits: kind.tag === EXECUTE_REQUEST.tag ? undefined : request.kind };
    return Promise.resolve();
  }

  /** Loads what is in its directory, as a worker does. */
  async #bind({ requestId, codeHash, checksum }: BindRequest): Promise<void> {
    const isTooLarge = pvfOf(this.bench.numberOf(codeHash)).maxMemoryPages > this.maxMemoryPages;
    if (isTooLarge) this.bench.faults.push("a worker is given code that wants more memory than it has");
    this.#content = await Deno.readFile(this.directory.file(ARTIFACT));
    await Deno.remove(this.directory.file(ARTIFACT));
    const found = (await announce(this.#content as Uint8Array<ArrayBuffer>)).checksum;
    const failed = { kind: "failed", error: "corrupted-artifact", message: "another checksum" };
    const result = found.toHex() === checksum.toHex() ? { kind: "bound" } : failed;
    this.#answer.resolve({ came: "wanted", message: { requestId, result } });
  }

  /** The process ends by itself. */
  end(how = "exited with status 1"): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.request = undefined;
    this.#end = how;
    this.#exited.resolve({ success: false, code: 1, signal: how.includes("SIGTRAP") ? "SIGTRAP" : null });
    this.#answer.promise.catch(() => {});
    this.#answer.reject(new EndOfOutput("The output ended"));
    this.#onExit?.();
  }

  retire(): Promise<void> {
    this.#retiring ??= this.#retire();
    return this.#retiring;
  }

  async #retire(): Promise<void> {
    this.isRetired = true;
    this.end("received signal: SIGKILL");
    await this.#binding;
    await this.directory.remove();
    this.bench.processes.delete(this);
  }

  async concludePrepare(verdict: PrepareVerdict, sizeBytes: number): Promise<void> {
    const request = this.request;
    if (!request?.limits) return;
    this.request = undefined;
    const { message: { requestId, limits: { cpuTimeMs: cpuTimeLimitMs } }, limits } = request;
    const answer = (result: PrepareResponse["result"], cpuTimeMs = 10, id = requestId): void =>
      this.#answer.resolve({
        came: "wanted",
        message: { requestId: id, cpuTimeUs: cpuTimeMs * 1_000, maxRssKib: 1, result },
      });
    const number = this.bench.numberOf((request.message as PrepareRequest).codeHash);
    const content = new Uint8Array(sizeBytes).fill(number);
    const prepared = async (seen = content): Promise<PrepareResponse["result"]> => {
      await Deno.writeFile(this.directory.file(TMP_ARTIFACT), content);
      const { checksum } = await announce(seen);
      return { kind: "prepared", checksum, artifactBytes: sizeBytes, decompressedBytes: 1 };
    };
    switch (verdict) {
      case "prepared":
        return answer(await prepared());
      case "prepared-slowly":
        return answer(await prepared(), 100_000);
      case "prepared-and-dies":
        answer(await prepared());
        return this.end();
      case "prepared-and-cannot-clear":
        await this.obstruct();
        return answer(await prepared());
      case "tampered":
        return answer(await prepared(new Uint8Array()));
      case "out-of-time":
        return this.#runOutOfTime(requestId, cpuTimeLimitMs);
      case "dies":
        return this.end();
      case "dies-of-memory":
        return this.end(`received signal: SIGTRAP: ${limitsText(limits, "out-of-memory")}`);
      case "wrong-request":
        return answer({ kind: "failed", error: "io-error", message: "" }, 10, requestId + 1);
      default:
        return answer({
          kind: "failed",
          error: verdict satisfies WorkerPrepareError,
          message: limitsText(limits, verdict),
        });
    }
  }

  async concludeExecute(verdict: ExecuteVerdict): Promise<void> {
    const request = this.request;
    if (!request || request.limits) return;
    this.request = undefined;
    const { requestId, limits: { cpuTimeMs: cpuTimeLimitMs } } = request.message;
    const valid = { kind: "valid", peakMemoryPages: 1, result: this.#content.slice(0, 1) };
    const answer = (result: unknown, id = requestId): void =>
      this.#answer.resolve({
        came: "wanted",
        message: { requestId: id, cpuTimeUs: 1, log: [], logDropped: 0, result },
      });
    switch (verdict) {
      case "valid":
        return answer(valid);
      case "valid-and-dies":
        answer(valid);
        return this.end();
      case "valid-and-cannot-clear":
        await this.obstruct();
        return answer(valid);
      case "out-of-time":
        return this.#runOutOfTime(requestId, cpuTimeLimitMs);
      case "dies":
        return this.end();
      case "wrong-request":
        return answer(valid, requestId + 1);
      default:
        return answer({ kind: "failed", error: verdict satisfies WorkerExecuteError, message: "" });
    }
  }

  #runOutOfTime(requestId: number, limitMs: number): void {
    const message = { requestId, limit: "cpuTimeMs", used: limitMs + 1 };
    this.#answer.resolve({ came: "instead", message });
  }

  /** Leaves what the host cannot clear away while the worker lives. */
  async obstruct(): Promise<void> {
    await Deno.mkdir(this.directory.file("tree"), { recursive: true });
    await Deno.mkdir(`${this.directory.path}-removed/tree`, { recursive: true });
  }
}

/** What a failure says for which others may have other limits. */
function limitsText(limits: PrepareLimits, error: WorkerPrepareError): string {
  return error === "out-of-memory" ? `out of memory by the limits of a ${limits}` : "";
}

/** Knows which preparation an entry stands for. */
class NamedSchedule extends PrepareSchedule<PrepareEntry & Waiting> {
  readonly names = new WeakMap<PrepareEntry, string>();
  readonly faults: string[];
  /** Whose preparation is put into the queue next. */
  naming = "";

  constructor(options: PrepareScheduleOptions, faults: string[]) {
    super(options);
    this.faults = faults;
  }

  override add(entry: PrepareEntry & Waiting): void {
    this.names.set(entry, this.naming);
    super.add(entry);
  }

  override take(moment: Moment): PrepareEntry & Waiting | undefined {
    const entry = super.take(moment);
    const isBehind = entry?.priority === "normal" && [...this].some(({ priority }) => priority === "critical");
    if (isBehind) this.faults.push("a normal preparation goes before a critical one");
    return entry;
  }
}

/** Knows which executions wait for an artifact. */
class WatchedPreparations extends Preparations {
  readonly parked = new Set<{ readonly pvf: Pvf; readonly priority: PreparePriority }>();

  override async forExecution(pvf: Pvf, priority: PreparePriority, signal?: AbortSignal): Promise<Preparation> {
    const waiter = { pvf, priority };
    this.parked.add(waiter);
    try {
      return await super.forExecution(pvf, priority, signal);
    } finally {
      this.parked.delete(waiter);
    }
  }
}

/** A call that has not ended. */
interface Call {
  readonly what: "precheck" | "execute" | "prune";
  readonly pvf?: Pvf;
  readonly executionClass?: ExecutionClass;
  /** Of a backing job, which can come too late. */
  readonly relayParent?: string | undefined;
  readonly abort: AbortController;
}

/** A start of a worker that a command has to end. */
interface SlowSpawn {
  readonly kind: Kind;
  finish(error?: Error): void;
}

interface PendingTimer {
  readonly kind: Kind;
  readonly ms: number;
  readonly fire: () => void;
}

/** A host without processes, and what is known of it from outside. */
class Bench {
  /** What must not be at any time. */
  readonly faults: string[] = [];
  readonly processes = new Set<FakeProcess>();
  readonly slowSpawns: SlowSpawn[] = [];
  readonly timers: PendingTimer[] = [];
  /** What the next starts of workers come to, where not to a worker. */
  readonly spawnPlan: ("fails" | "slow" | "dead")[] = [];
  readonly calls = new Set<Call>();
  /** The artifacts that are being prepared or wait for it. */
  readonly active = new Set<string>();
  /** Artifact files that a command deleted. */
  readonly deleted = new Set<string>();
  /** Those that a command changed. */
  readonly corrupted = new Set<string>();
  readonly leaves = new ActiveLeaves();
  readonly options: ResolvedHostOptions;
  readonly schedule: NamedSchedule;
  readonly queues: HostQueues;
  readonly preparations: WatchedPreparations;
  readonly executions: Executions;
  readonly pruning: Pruning;
  readonly #starting = { prepare: 0, execute: 0 };
  /** How many workers were started and not said to be gone. */
  readonly #counts = { prepare: 0, execute: 0 };
  readonly #settled: Promise<unknown>[] = [];

  constructor(readonly registry: ArtifactRegistry, readonly clock: ManualClock) {
    const { now } = this.clock;
    this.options = resolveHostOptions({
      cachePath: registry.path,
      maxPrepareWorkers: 3,
      softPrepareWorkers: 1,
      maxExecuteWorkers: 2,
      maxJobsPerWorker: 4,
      maxQueuedExecutions: 4,
      prepareRetryCooldownMs: 20,
      maxPrepareRetries: 1,
      affinityLimitMs: 50,
      maxCacheBytes: 100,
      minStaleMs: 20,
      pruneIntervalMs: Infinity,
      now,
    });
    const { options } = this;
    this.schedule = new NamedSchedule({
      softCapacity: options.softPrepareWorkers,
      hardCapacity: options.maxPrepareWorkers,
    }, this.faults);
    this.queues = this.#createQueues();
    const { queues } = this;
    this.preparations = new WatchedPreparations({
      registry,
      now,
      retryCooldownMs: options.prepareRetryCooldownMs,
      maxRetries: options.maxPrepareRetries,
      precheckTimeoutMs: () => options.precheckTimeoutMs,
      prepareTimeoutMs: () => options.prepareTimeoutMs,
      prepare: (...wanted) => this.#prepare(...wanted),
    });
    this.executions = new Executions({
      registry,
      preparations: this.preparations,
      queues,
      leaves: this.leaves,
      maxWaiting: options.maxQueuedExecutions,
      povBombLimitBytes: options.povBombLimitBytes,
      limits: options.limits,
      now,
      metrics: options.metrics,
      onWarning: (message) => this.faults.push(message),
    });
    this.pruning = new Pruning(registry, {
      intervalMs: Infinity,
      ttlMs: 0,
      maxBytes: options.maxCacheBytes,
      minStaleMs: options.minStaleMs,
      onPrune: () => {},
      onWarning: (message) => this.faults.push(message),
    });
    queues.execute.pump();
  }

  /** As the host makes them, but for the spawner and the timer. */
  #createQueues(): HostQueues {
    const { options, schedule: prepareSchedule } = this;
    const executeSchedule = new ExecuteSchedule<ExecuteEntry & Waiting>({
      maxWorkers: options.maxExecuteWorkers,
      affinityLimitMs: options.affinityLimitMs,
      maxLength: options.maxQueuedExecutions,
    });
    const common = {
      idleTimeoutMs: IDLE_MS,
      spawnAttempts: 2,
      spawnRetryDelayMs: RETRY_MS,
      spareRetryDelayMs: IDLE_MS,
      onWarning: () => {}, // A worker that cannot be kept ready.
      now: options.now,
    };
    const spawnPrepareWorker = (signal: AbortSignal): Promise<IdleWorker> => this.#spawn("prepare", 65_536, signal);
    const spawnExecuteWorker = (signal: AbortSignal, pages: number): Promise<IdleWorker> =>
      this.#spawn("execute", Math.max(pages, DEFAULT_PAGES), signal);
    return {
      prepareSchedule,
      prepare: new WorkerQueue({
        ...common,
        maxJobsPerWorker: 1,
        schedule: prepareSchedule,
        maxWorkers: options.maxPrepareWorkers,
        keepWorkers: options.softPrepareWorkers,
        spareWorkers: 0,
        spawnSpare: spawnPrepareWorker,
        ...this.#watch("prepare"),
      }),
      executeSchedule,
      execute: new WorkerQueue({
        ...common,
        maxJobsPerWorker: options.maxJobsPerWorker,
        schedule: executeSchedule,
        maxWorkers: options.maxExecuteWorkers,
        keepWorkers: options.maxExecuteWorkers,
        spareWorkers: options.spareExecuteWorkers,
        spawnSpare: (signal) => spawnExecuteWorker(signal, DEFAULT_PAGES),
        ...this.#watch("execute"),
      }),
      spawnPrepareWorker,
      spawnExecuteWorker,
    };
  }

  #watch(kind: Kind): Required<Pick<WorkerQueueOptions<PrepareEntry>, "timer" | "onRetired">> {
    const timer: Timer = (ms, callback) => {
      const cancel = (): void => {
        const index = this.timers.indexOf(timer);
        if (index >= 0) this.timers.splice(index, 1);
      };
      const timer = { kind, ms, fire: () => (cancel(), callback()) };
      this.timers.push(timer);
      return cancel;
    };
    return { timer, onRetired: () => this.#counts[kind]-- };
  }

  async #spawn(kind: Kind, pages: number, signal: AbortSignal): Promise<IdleWorker> {
    signal.throwIfAborted();
    this.#starting[kind]++;
    try {
      const max = kind === "prepare" ? this.options.maxPrepareWorkers : this.options.maxExecuteWorkers;
      const workers = this.workers(kind).length + this.#starting[kind];
      if (workers > max) this.faults.push(`there are ${workers} ${kind} workers, at most ${max} allowed`);
      const plan = this.spawnPlan.shift();
      if (plan === "fails") throw new SpawnError("no worker");
      if (plan === "slow") await this.#slowSpawn(kind, signal);
      const directory = await WorkerDir.create(this.registry.newPath(`worker-dir-${kind}-`));
      const process = new FakeProcess(this, kind, directory, pages);
      this.processes.add(process);
      this.#counts[kind]++;
      if (plan === "dead") process.end();
      return process.idle;
    } finally {
      this.#starting[kind]--;
    }
  }

  #slowSpawn(kind: Kind, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const spawn: SlowSpawn = {
      kind,
      finish: (error) => {
        this.slowSpawns.splice(this.slowSpawns.indexOf(spawn), 1);
        if (error) reject(error);
        else resolve();
      },
    };
    this.slowSpawns.push(spawn);
    signal.addEventListener("abort", () => this.slowSpawns.includes(spawn) && spawn.finish(signal.reason));
    return promise;
  }

  #prepare(pvf: Pvf, limits: PrepareLimits, priority: PreparePriority): ReturnType<typeof prepareTask> {
    const key = artifactKey(pvf.artifactId);
    if (this.active.has(key)) this.faults.push("an artifact is prepared twice at the same time");
    const known = this.registry.get(pvf.artifactId);
    if (known?.state === "prepared") this.faults.push("what is prepared is prepared again");
    if (known?.state === "failed") {
      const isStrict = known.limits === "precheck" && ["timed-out", "out-of-memory"].includes(known.error.kind);
      const isOver = this.clock.nowMs - known.lastFailed >= this.options.prepareRetryCooldownMs;
      const isRetry = !isDeterministic(known.error) && isOver && known.numFailures <= this.options.maxPrepareRetries;
      if (limits === "precheck") this.faults.push("a precheck tries again what failed");
      else if (!isStrict && !isRetry) this.faults.push("what may not be tried again is");
    }
    this.schedule.naming = key;
    const task = prepareTask(this, pvf, limits, priority);
    this.active.add(key);
    task.result.finally(() => this.active.delete(key)).catch(() => {});
    return task;
  }

  workers(kind: Kind): FakeProcess[] {
    return [...this.processes].filter((process) => process.kind === kind && !process.isRetired);
  }

  requests(kind: Kind): FakeProcess[] {
    return this.workers(kind).filter((process) => process.request);
  }

  numberOf(codeHash: Uint8Array): number {
    return PVFS.findIndex((pvf) => pvf.codeHash === `0x${codeHash.toHex()}`);
  }

  /** As the host keeps account of its calls. */
  #track<T>(call: Call, work: () => Promise<T>, check: (value: T) => string | undefined): void {
    this.calls.add(call);
    const settled = work().then(check, (error: unknown) => {
      const isExpected = error instanceof QueueFullError || error === CLOSED ||
        (error === UNWANTED && call.abort.signal.aborted);
      return isExpected ? undefined : `a ${call.what} rejects with ${error}`;
    }).then((fault) => {
      this.calls.delete(call);
      if (fault) this.faults.push(fault);
    });
    this.#settled.push(settled);
  }

  precheck(pvf: Pvf): void {
    const call: Call = { what: "precheck", pvf, abort: new AbortController() };
    this.#track(call, () => this.preparations.forPrecheck(pvf, call.abort.signal), (found) => {
      if (found.state === "failed" || found.stats.cpuTimeMs <= this.options.precheckTimeoutMs) return undefined;
      return "a precheck passes what took longer than it may";
    });
  }

  execute(pvf: Pvf, executionClass: ExecutionClass, relayParent: string | undefined): void {
    const expiring = isBacking(executionClass) ? relayParent : undefined;
    const call: Call = { what: "execute", pvf, executionClass, relayParent: expiring, abort: new AbortController() };
    const { signal } = call.abort;
    const execution = { pvf, params: new Uint8Array(), timeoutMs: 1_000, executionClass, relayParent, signal };
    const run = (): Promise<ExecuteOutcome> => this.pruning.inUse(pvf.artifactId, () => this.executions.run(execution));
    this.#track(call, run, (outcome) => {
      if (outcome.kind === "valid" && outcome.result[0] !== PVFS.indexOf(pvf)) return "other code was executed";
      if (outcome.kind === "execution-deadline" && expiring === undefined) {
        return `a job of ${executionClass} comes too late`;
      }
      const known = this.registry.get(pvf.artifactId);
      const isBad = known?.state === "prepared" && this.corrupted.has(known.path);
      if (isBad && outcome.kind !== "valid" && outcome.reason === "corrupted-artifact") return "what is bad is kept";
      const isStrict = "message" in outcome && /limits of a precheck|at most 60000 ms/.test(outcome.message);
      return isStrict ? "an execution fails by the limits of a precheck" : undefined;
    });
  }

  prune(ttlMs: number): void {
    const inUse = [...this.calls].filter(({ what }) => what === "execute");
    const call: Call = { what: "prune", abort: new AbortController() };
    this.#track(call, () => this.pruning.prune(ttlMs), (removed) => {
      const keys = removed.map(({ id }) => artifactKey(id));
      const isNeeded = ({ pvf }: Call): boolean => pvf !== undefined && keys.includes(artifactKey(pvf.artifactId));
      return inUse.some((other) => this.calls.has(other) && isNeeded(other)) ? "what is in use is pruned" : undefined;
    });
  }

  /** What is under way that needs no command to go on. */
  underWay(): string[] {
    const { prepare, execute, executeSchedule } = this.queues;
    const isPreparing = (pvf: Pvf): boolean => this.registry.get(pvf.artifactId)?.state === "preparing";
    const open = [...this.calls];
    const executions = open.filter(({ what }) => what === "execute").length;
    const accounted = this.preparations.parked.size + executeSchedule.length + this.#held("execute").jobs;
    return [
      prepare.counts.busy === this.#held("prepare").all ? "" : "prepare jobs",
      execute.counts.busy + execute.counts.starting === this.#held("execute").all ? "" : "execute jobs",
      executions === accounted ? "" : "executions",
      [...this.preparations.parked].every(({ pvf }) => isPreparing(pvf)) ? "" : "executions that wait",
      open.every(({ what, pvf }) => what !== "precheck" || (pvf && isPreparing(pvf))) ? "" : "prechecks",
      open.some(({ what }) => what === "prune") ? "pruning" : "",
      [...this.processes].some(({ isRetired }) => isRetired) ? "retiring" : "",
      open.some(({ abort }) => abort.signal.aborted) ? "aborted calls" : "",
      // Whoever still looks whether the file is there will raise it.
      this.#isUnraised() ? "a critical preparation that waits as a normal one" : "",
    ].filter((each) => each !== "");
  }

  /** What waits for a command in one queue; jobs, and spare workers that start. */
  #held(kind: Kind): { all: number; jobs: number } {
    const spawns = this.slowSpawns.filter((spawn) => spawn.kind === kind).length;
    const retries = this.timers.filter((timer) => timer.kind === kind && timer.ms < IDLE_MS).length;
    const all = this.requests(kind).length + spawns + retries;
    const spares = kind === "execute" ? this.queues.execute.counts.starting : 0;
    return { all, jobs: all - spares };
  }

  /** Whether a preparation waits in the wrong lane. */
  #isUnraised(): boolean {
    const critical = [...this.preparations.parked].filter(({ priority }) => priority === "critical");
    const wanted = new Set(critical.map(({ pvf }) => artifactKey(pvf.artifactId)));
    return [...this.schedule].some((entry) =>
      entry.priority === "normal" && wanted.has(this.schedule.names.get(entry) ?? "")
    );
  }

  /** Waits until nothing goes on without a command, and nothing more of what is to come to an end. */
  async settle(more: () => string[] = () => []): Promise<void> {
    const start = performance.now();
    for (let rounds = 0; rounds < 3; rounds++) {
      await turn();
      const underWay = [...this.underWay(), ...more()];
      if (underWay.length > 0) rounds = -1;
      if (performance.now() - start > STALLED_MS) throw new Error(`Stalled: ${underWay.join(", ")}`);
    }
  }

  /** What must be whenever nothing is under way. */
  async check(): Promise<void> {
    const { prepare, execute, executeSchedule } = this.queues;
    const { options, registry, schedule, faults } = this;
    for (const kind of ["prepare", "execute"] as const) {
      const { counts } = this.queues[kind];
      const max = kind === "prepare" ? options.maxPrepareWorkers : options.maxExecuteWorkers;
      const total = counts.idle + counts.busy + counts.starting;
      if (total > max) faults.push(`${total} ${kind} workers, at most ${max} allowed`);
      const idle = this.workers(kind).filter(({ request }) => !request).length;
      if (this.workers(kind).some(({ state }) => state === "ended")) faults.push("a worker that died is kept");
      const known = this.workers(kind).length;
      if (this.#counts[kind] !== known) {
        faults.push(`${known} ${kind} workers, and ${this.#counts[kind]} by the metrics`);
      }
      if (counts.idle !== idle) faults.push(`${counts.idle} ${kind} workers called idle, and ${idle} are`);
    }
    const keys = new Map(PVFS.map((pvf) => [artifactKey(pvf.artifactId), pvf]));
    for (const [key, pvf] of keys) {
      const isPreparing = registry.get(pvf.artifactId)?.state === "preparing";
      if (isPreparing !== this.active.has(key)) faults.push(`preparing: ${isPreparing}, and that is not so`);
    }
    const prepareWorkers = prepare.counts.idle + prepare.counts.busy;
    if (prepare.counts.idle > 0 && prepareWorkers > options.softPrepareWorkers) {
      faults.push("a worker is idle that is not to be kept");
    }
    for (const entry of schedule) {
      const room = entry.priority === "critical" ? options.maxPrepareWorkers : options.softPrepareWorkers;
      if (prepare.counts.idle > 0 || prepareWorkers < room) faults.push("a preparation waits where a worker could be");
    }
    const executeWorkers = execute.counts.idle + execute.counts.busy + execute.counts.starting;
    if (executeSchedule.length > 0 && (execute.counts.idle > 0 || executeWorkers < options.maxExecuteWorkers)) {
      faults.push("an execution waits where a worker could be");
    }
    if (executeSchedule.length > options.maxQueuedExecutions) faults.push("too many executions wait");
    const failed = [...registry.entries()].filter(([, { state }]) => state === "failed").length;
    if (failed > MAX_FAILED_ENTRIES) faults.push("too many failures are remembered");
    assertEquals(faults, []);
    await this.#checkDisk();
  }

  async #checkDisk(): Promise<void> {
    const states = [...this.registry.entries()].map(([, state]) => state);
    const files = states.flatMap((state) => state.state === "prepared" ? [basename(state.path)] : []);
    const directories = [...this.processes].map(({ directory }) => basename(directory.path));
    const wanted = ["kiln.lock", ...files.filter((name) => !this.deleted.has(name)), ...directories];
    assertEquals((await namesIn(this.registry.path)).filter((name) => !name.endsWith("-removed")), wanted.sort());
  }

  /** Whoever waits for an artifact or a worker in vain: to be told so as soon as that is known. */
  expired(): string[] {
    const isDead = (parent: string | undefined): boolean => parent !== undefined && !this.leaves.isLive(parent);
    const isWaiting = EXECUTION_CLASSES.some((executionClass) => {
      const waiting = [...this.queues.executeSchedule].filter((each) => each.executionClass === executionClass);
      const open = [...this.calls].filter((call) => call.executionClass === executionClass);
      return waiting.length > open.filter(({ relayParent }) => !isDead(relayParent)).length;
    });
    const isParked = PVFS.some((pvf) => {
      const parked = [...this.preparations.parked].filter((each) => each.pvf === pvf && each.priority === "normal");
      const open = [...this.calls].filter((call) => call.what === "execute" && call.pvf === pvf);
      return parked.length > open.filter(({ relayParent }) => !isDead(relayParent)).length;
    });
    return isWaiting || isParked ? ["what comes too late"] : [];
  }

  /** Everything that waits for a command gets one that lets it succeed. */
  async drain(): Promise<void> {
    this.spawnPlan.length = 0;
    await this.settle();
    for (let rounds = 0; this.calls.size + this.active.size > 0; rounds++) {
      if (rounds > 100) throw new Error("The calls do not end");
      for (const timer of this.timers.filter(({ ms }) => ms < IDLE_MS)) timer.fire();
      for (const spawn of [...this.slowSpawns]) spawn.finish();
      for (const worker of this.requests("prepare")) await worker.concludePrepare("prepared", 1);
      for (const worker of this.requests("execute")) await worker.concludeExecute("valid");
      await this.settle();
      await this.check();
    }
  }

  /** As the host closes. */
  async close(): Promise<void> {
    this.pruning[Symbol.dispose]();
    await deadline(Promise.all([this.queues.prepare.close(CLOSED), this.queues.execute.close(CLOSED)]), STALLED_MS);
    await deadline(Promise.all(this.#settled), STALLED_MS);
    await turn();
    assertEquals(this.faults, []);
    assertEquals([this.processes.size, this.calls.size, this.timers.length], [0, 0, 0]);
    await this.#checkDisk();
    await this.registry.close();
  }
}

/** Nothing is predicted: what holds for every order of events is checked after each. */
type Model = Record<never, never>;

/** Something that happens, and whether the next thing happens while the consequences are still under way. */
class Step implements fc.AsyncCommand<Model, Bench> {
  constructor(
    readonly name: string,
    readonly isHasty: boolean,
    readonly act: (bench: Bench) => Promise<void> | void,
  ) {}

  check(): boolean {
    return true;
  }

  async run(_model: Model, bench: Bench): Promise<void> {
    await this.act(bench);
    assertEquals(bench.faults, []);
    if (this.isHasty) return;
    await bench.settle();
    await bench.check();
  }

  toString(): string {
    return this.isHasty ? `${this.name}, and at once` : this.name;
  }
}

/** What nobody waits for must not fail, or it ends the whole program. */
function unhandledRejections(callback: (error: unknown) => void): Disposable {
  const onRejection = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    callback(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  return { [Symbol.dispose]: () => globalThis.removeEventListener("unhandledrejection", onRejection) };
}

/** One of what there is, if there is anything. */
function nth<T>(items: readonly T[], number: number): T | undefined {
  return items[number % items.length];
}

function pvfOf(number: number): Pvf {
  return nth(PVFS, number) as Pvf;
}

async function spoil(bench: Bench, pvf: Pvf, how: "corrupted" | "deleted"): Promise<void> {
  const state = bench.registry.get(pvf.artifactId);
  if (state?.state !== "prepared" || bench.deleted.has(basename(state.path))) return;
  if (how === "corrupted") {
    bench.corrupted.add(state.path);
    return await Deno.writeFile(state.path, Uint8Array.of(99));
  }
  bench.deleted.add(basename(state.path));
  await Deno.remove(state.path);
}

function killIdle(bench: Bench, number: number, isNoticed: boolean): void {
  const worker = nth([...bench.processes].filter((each) => each.state === "alive" && !each.request), number);
  if (!worker) return;
  if (isNoticed) worker.end();
  else worker.state = "deaf";
}

async function updateLeaves(bench: Bench, leaf: string, ancestors: string[], isGone: boolean): Promise<void> {
  bench.leaves.update(isGone ? { deactivated: [leaf] } : { activated: { hash: leaf, ancestors } });
  bench.executions.expire();
  await bench.settle(() => bench.expired());
}

const number = fc.nat({ max: 5 });
const parent = fc.constantFrom(...PARENTS);

/** What may happen, with how often, as a text and an act. */
const ACTS: [number, fc.Arbitrary<[string, Step["act"]]>][] = [
  [4, number.map((n) => [`precheck ${n % PVFS.length}`, (bench) => bench.precheck(pvfOf(n))])],
  [
    10,
    fc.tuple(number, fc.constantFrom(...EXECUTION_CLASSES), fc.option(parent, { nil: undefined })).map((
      [n, executionClass, relayParent],
    ) => [
      `execute ${n % PVFS.length} for ${executionClass} on ${relayParent}`,
      (bench) => bench.execute(pvfOf(n), executionClass, relayParent),
    ]),
  ],
  [2, number.map((n) => [`heads-up ${n % PVFS.length}`, (bench) => bench.preparations.headsUp(pvfOf(n))])],
  [
    2,
    fc.tuple(parent, fc.subarray([...PARENTS]), fc.boolean()).map(([leaf, ancestors, isGone]) => [
      `leaf ${leaf} ${isGone ? "deactivated" : `activated on [${ancestors}]`}`,
      (bench) => updateLeaves(bench, leaf, ancestors, isGone),
    ]),
  ],
  [
    8,
    fc.tuple(number, fc.oneof(fc.constant("prepared" as const), fc.constantFrom(...PREPARE_VERDICTS)), fc.nat(60))
      .map(([n, verdict, bytes]) => [
        `preparation ${n} ends: ${verdict} (${bytes} bytes)`,
        (bench) => nth(bench.requests("prepare"), n)?.concludePrepare(verdict, bytes + 1),
      ]),
  ],
  [
    6,
    fc.tuple(number, fc.oneof(fc.constant("valid" as const), fc.constantFrom(...EXECUTE_VERDICTS))).map((
      [n, verdict],
    ) => [`execution ${n} ends: ${verdict}`, (bench) => nth(bench.requests("execute"), n)?.concludeExecute(verdict)]),
  ],
  [
    2,
    fc.constantFrom("fails" as const, "slow" as const, "dead" as const).map((plan) => [
      `the next start of a worker: ${plan}`,
      (bench) => void bench.spawnPlan.push(plan),
    ]),
  ],
  [
    2,
    fc.tuple(number, fc.boolean()).map(([n, isFailure]) => [
      `slow start ${n} ${isFailure ? "fails" : "succeeds"}`,
      (bench) => nth(bench.slowSpawns, n)?.finish(isFailure ? new SpawnError("no worker") : undefined),
    ]),
  ],
  [
    2,
    fc.tuple(number, fc.boolean()).map(([n, isNoticed]) => [
      `idle worker ${n} dies, ${isNoticed ? "seen" : "not seen"}`,
      (bench) => killIdle(bench, n, isNoticed),
    ]),
  ],
  [
    2,
    fc.tuple(number, fc.constantFrom("corrupted" as const, "deleted" as const)).map(([n, how]) => [
      `artifact ${n % PVFS.length} is ${how}`,
      (bench) => spoil(bench, pvfOf(n), how),
    ]),
  ],
  [2, fc.nat({ max: 100 }).map((ttlMs) => [`prune ${ttlMs}`, (bench) => bench.prune(ttlMs)])],
  [
    3,
    fc.integer({ min: -50, max: 100 }).map((ms) => [`clock ${ms}`, (bench) => void (bench.clock.nowMs += ms)]),
  ],
  [2, number.map((n) => [`abort call ${n}`, (bench) => nth([...bench.calls], n)?.abort.abort(UNWANTED)])],
  [2, number.map((n) => [`timer ${n} fires`, (bench) => nth(bench.timers, n)?.fire()])],
];

const step = fc.oneof(
  ...ACTS.map(([weight, act]) => ({
    weight,
    arbitrary: fc.tuple(act, fc.boolean()).map(([[name, act], isHasty]) => new Step(name, isHasty, act)),
  })),
);

Deno.test("a host keeps its promises whatever happens, in whatever order", async () => {
  let bench: Bench | undefined;
  using _rejections = unhandledRejections((error) => bench?.faults.push(`nobody handles ${error}`));
  const property = fc.asyncProperty(
    fc.commands([step], { maxCommands: MAX_COMMANDS, size: "max" }),
    fc.constantFrom("drain", "close"),
    async (commands, end) => {
      await using directory = await TempDirectory.make();
      const clock = new ManualClock();
      const { now } = clock;
      const path = directory.at("cache");
      const registry = await ArtifactRegistry.open({ path, now, maxFailedEntries: MAX_FAILED_ENTRIES });
      const real = bench = new Bench(registry, clock);
      await fc.asyncModelRun(() => ({ model: {}, real }), commands);
      if (end === "drain") await real.drain();
      await real.close();
    },
  );
  try {
    await fc.assert(property, { numRuns: NUM_RUNS });
  } finally {
    await turn();
  }
});
