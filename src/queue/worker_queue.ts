/**
 * Jobs, and the workers that do them. A schedule says which job is next; this says on which worker: one that is bound to what the job
 * needs, else one that is not bound yet, else a fresh one, for which the idle worker that was used least recently makes room.
 */
import type { IdleWorker } from "../worker_process/idle_worker.ts";
import { SpawnError } from "../worker_process/spawn.ts";
import { type Cancel, delayed, linked, type Timer, timer } from "./cancellation.ts";
import type { Schedule } from "./schedule.ts";

/** Something to be done by a worker. */
export interface Job<T> {
  /** What a worker must be bound to; `undefined` if any worker will do. */
  readonly boundTo: string | undefined;
  /** Whether a worker that is not bound yet will do. */
  fits(worker: IdleWorker): boolean;
  /** Starts a worker for this job. */
  spawn(signal: AbortSignal): Promise<IdleWorker>;
  /** Does it. A worker that is given back is healthy. */
  run(worker: IdleWorker, signal: AbortSignal): Promise<JobEnd<T>>;
  /** What comes of a job that no worker would take. */
  unreachable(message: string): T;
}

/** How an attempt at a job ended. */
export type JobEnd<T> =
  | { kind: "done"; value: T; worker?: IdleWorker | undefined }
  | { kind: "unreachable"; message: string };

/** What ends a job early. */
export interface JobSignals {
  /** Takes a waiting job out of the queue, and ends the worker of a running one. */
  readonly signal?: AbortSignal | undefined;
  /** Takes a waiting job out of the queue, and leaves a running one alone. */
  readonly expiry?: AbortSignal | undefined;
}

/** Limits of a queue, and what it is told. */
export interface WorkerQueueOptions<E> {
  readonly schedule: Schedule<E & Waiting>;
  /** The most workers at a time. */
  readonly maxWorkers: number;
  /** A worker that becomes free is retired where there are more than this. */
  readonly keepWorkers: number;
  /** How many workers that are not bound yet are kept ready. */
  readonly spareWorkers: number;
  /** The most jobs that one worker is given. */
  readonly maxJobsPerWorker: number;
  /** How long a worker may be idle before it is retired, in milliseconds. A spare one may be idle for ever. */
  readonly idleTimeoutMs: number;
  /** How often starting a worker is tried for one job, and how long the first pause between is; each is four times the one before. */
  readonly spawnAttempts: number;
  readonly spawnRetryDelayMs: number;
  /** How long the first pause is after a spare worker was lost; each is four times the one before, three times. */
  readonly spareRetryDelayMs: number;
  /** Starts a worker that is kept ready. */
  readonly spawnSpare: (signal: AbortSignal) => Promise<IdleWorker>;
  readonly onWarning: (message: string, error: unknown) => void;
  /** Told of each worker that is gone, and why. */
  readonly onRetired: (reason: RetireReason) => void;
  readonly now: () => number;
  /** @default Real timers */
  readonly timer?: Timer;
}

/** Why a worker is gone. */
export type RetireReason = "aborted" | "closed" | "culled" | "died" | "evicted" | "idle" | "job" | "max-jobs";

/** What a schedule keeps of a job that waits, besides what it orders by. */
export interface Waiting {
  /** Never rejects: whoever submitted the job is told. */
  work(): Promise<void>;
}

/** How often a job is handed to a worker that does not take it. */
const MAX_UNREACHABLE = 3;

/** How often the pause grows before a spare worker is started again. */
const MAX_SPARE_PAUSES = 3;

/**
 * Who is doing what.
 *
 * @example
 * ```ts
 * import { ValidationHost, type WorkerCounts } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * const counts: WorkerCounts = host.snapshot().prepareWorkers;
 * assertEquals(counts, { idle: 0, busy: 0, starting: 0, waiting: 0 });
 * ```
 */
export interface WorkerCounts {
  /** How many workers have nothing to do. */
  readonly idle: number;
  /** How many have a job, or are being started for one. */
  readonly busy: number;
  /** How many are being started to be kept ready. */
  readonly starting: number;
  /** How many jobs wait for a worker. */
  readonly waiting: number;
}

/** A job that waits or runs. */
export interface Submitted<T, E> {
  /** What comes of it. */
  readonly result: Promise<T>;
  /** What the schedule knows it by. */
  readonly entry: E & Waiting;
}

/** A queue with its workers. */
export class WorkerQueue<E extends object> {
  readonly #options: WorkerQueueOptions<E>;
  readonly #timer: Timer;
  readonly #closing = new AbortController();
  /** Least recently used first, each with what stops the clock of its idleness. */
  readonly #idle = new Map<IdleWorker, Cancel>();
  readonly #running = new Set<Promise<void>>();
  readonly #retiring = new Set<Promise<void>>();
  readonly #starting = new Set<Promise<void>>();
  /** How many jobs hold a worker, or are about to. */
  #busy = 0;
  /** How many spare workers in a row did not start or ended unused, and what stops the pause after the last of them. */
  #lostSpares = 0;
  #sparePause: Cancel | undefined;

  constructor(options: WorkerQueueOptions<E>) {
    this.#options = options;
    this.#timer = options.timer ?? timer;
  }

  get counts(): WorkerCounts {
    const { size: idle } = this.#idle;
    return { idle, busy: this.#busy, starting: this.#starting.size, waiting: this.#options.schedule.length };
  }

  /** With what it was closed, if it was. */
  get closeReason(): unknown {
    return this.#closing.signal.reason;
  }

  /** Whether it takes no jobs any more. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /**
   * Puts a job where the schedule wants it. Throws what the schedule throws if there is no room. The result rejects with a signal's
   * reason once that has taken the job out of the queue or ended its worker.
   */
  submit<T>(place: E, job: Job<T>, { signal, expiry }: JobSignals = {}): Submitted<T, E> {
    this.#closing.signal.throwIfAborted();
    signal?.throwIfAborted();
    expiry?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const ending = linked(signal, this.#closing.signal);
    const waiting = linked(ending.signal, expiry);
    const unlink = (): void => [waiting, ending].forEach((each) => each.unlink());
    const entry = Object.assign(place, {
      work: () => {
        waiting.unlink();
        return this.#work(job, ending.signal).then(resolve, reject);
      },
    });
    waiting.signal.addEventListener("abort", () => {
      if (this.#options.schedule.remove(entry)) reject(waiting.signal.reason);
    });
    try {
      this.#options.schedule.add(entry);
    } catch (error) {
      unlink();
      throw error;
    }
    this.pump();
    return { result: promise.finally(unlink), entry };
  }

  /** Looks for what can be done now. To be called when the schedule has changed by itself. */
  pump(freed?: string): void {
    this.#startJobs(freed);
    this.#keepSpares();
  }

  #startJobs(freed?: string): void {
    for (let next = this.#next(freed); next; next = this.#next()) {
      this.#busy++;
      const running = next.work().finally(() => {
        this.#running.delete(running);
        this.pump();
      });
      this.#running.add(running);
    }
  }

  /** Aborts whatever waits or runs, with this reason, and ends every worker. */
  async close(reason: unknown): Promise<void> {
    this.#closing.abort(reason);
    this.#sparePause?.();
    while (this.#running.size + this.#starting.size > 0) await Promise.all([...this.#running, ...this.#starting]);
    for (const worker of [...this.#idle.keys()]) this.#retire(worker, "closed");
    await Promise.all(this.#retiring);
  }

  get #workers(): number {
    return this.#idle.size + this.#busy + this.#starting.size;
  }

  #next(freed?: string): (E & Waiting) | undefined {
    if (this.isClosed) return undefined;
    const moment = { now: this.#options.now(), workers: this.#workers, idle: this.#idle.size, freed };
    return this.#busy < this.#options.maxWorkers ? this.#options.schedule.take(moment) : undefined;
  }

  async #work<T>(job: Job<T>, signal: AbortSignal): Promise<T> {
    try {
      for (let attempt = 1;; attempt++) {
        const end = await this.#run(job, await this.#workerFor(job, signal), signal);
        if (end.kind === "done") {
          this.#release(end.worker);
          return end.value;
        }
        if (attempt < MAX_UNREACHABLE) continue;
        this.#release(undefined);
        return job.unreachable(`${end.message} (attempt ${attempt} of ${MAX_UNREACHABLE})`);
      }
    } catch (error) {
      this.#release(undefined);
      throw error;
    }
  }

  /** A job that does not give its worker back has ended it. */
  async #run<T>(job: Job<T>, worker: IdleWorker, signal: AbortSignal): Promise<JobEnd<T>> {
    try {
      if (signal.aborted) await worker.retire();
      signal.throwIfAborted();
      const end = await job.run(worker, signal);
      if (end.kind === "unreachable") this.#options.onRetired("died");
      else if (!end.worker) this.#options.onRetired("job");
      return end;
    } catch (error) {
      this.#options.onRetired(this.isClosed ? "closed" : "aborted");
      throw error;
    }
  }

  /** While starting one fails, another may become free: so it is looked for each time. */
  async #workerFor<T>(job: Job<T>, signal: AbortSignal): Promise<IdleWorker> {
    const { spawnAttempts, spawnRetryDelayMs } = this.#options;
    for (let attempt = 1;; attempt++) {
      const idle = this.#idleFor(job);
      if (idle) return idle;
      await this.#makeRoom();
      try {
        return await job.spawn(signal);
      } catch (error) {
        if (!(error instanceof SpawnError) || attempt >= spawnAttempts) throw error;
        await delayed(this.#timer, spawnRetryDelayMs * 4 ** (attempt - 1), signal);
      }
    }
  }

  #idleFor<T>(job: Job<T>): IdleWorker | undefined {
    const bound = this.#takeIdle((worker) => worker.boundTo === job.boundTo && job.boundTo !== undefined);
    return bound ?? this.#takeIdle((worker) => worker.boundTo === undefined && job.fits(worker));
  }

  #takeIdle(isWanted: (worker: IdleWorker) => boolean): IdleWorker | undefined {
    const worker = this.#idle.keys().find(isWanted);
    return worker && this.#unlist(worker);
  }

  /** A process makes room before another is started: the number of workers is a promise about memory. */
  async #makeRoom(): Promise<void> {
    const excess = Math.max(0, this.#workers - this.#options.maxWorkers);
    await Promise.all([...this.#idle.keys()].slice(0, excess).map((worker) => this.#retire(worker, "evicted")));
  }

  /** A job is done with its worker: the worker becomes idle, unless there is a reason to end it. */
  #release(worker: IdleWorker | undefined): void {
    this.#busy--;
    if (!worker) return;
    const { maxJobsPerWorker, keepWorkers } = this.#options;
    const boundTo = worker.boundTo;
    this.#lostSpares = 0;
    this.#list(worker);
    // One that ended before it was listed is retired already.
    if (!this.#idle.has(worker)) return;
    if (this.isClosed) this.#retire(worker, "closed");
    else if (worker.jobs >= maxJobsPerWorker) this.#retire(worker, "max-jobs");
    else if (this.#workers > keepWorkers) this.#retire(worker, "culled");
    else this.pump(boundTo);
  }

  #list(worker: IdleWorker): void {
    const isSpare = worker.jobs === 0;
    const stop = isSpare ? () => {} : this.#timer(this.#options.idleTimeoutMs, () => this.#lose(worker, "idle"));
    this.#idle.set(worker, stop);
    worker.onExit = () => this.#lose(worker, "died");
  }

  /** Without it, there may be room or need for a spare one. */
  #lose(worker: IdleWorker, reason: "idle" | "died"): void {
    const isSpare = worker.jobs === 0;
    this.#retire(worker, reason);
    if (isSpare) this.#pauseSpares();
    else this.#keepSpares();
  }

  #unlist(worker: IdleWorker): IdleWorker {
    this.#idle.get(worker)?.();
    this.#idle.delete(worker);
    return worker;
  }

  #retire(worker: IdleWorker, reason: RetireReason): Promise<void> {
    this.#options.onRetired(reason);
    const retiring = this.#unlist(worker).retire().finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
    return retiring;
  }

  /** What ended one spare worker is likely to end the next, so each time the pause is longer. A job does not wait for its end. */
  #pauseSpares(): void {
    const ms = this.#options.spareRetryDelayMs * 4 ** Math.min(this.#lostSpares++, MAX_SPARE_PAUSES);
    this.#sparePause?.();
    this.#sparePause = this.#timer(ms, () => {
      this.#sparePause = undefined;
      this.#keepSpares();
    });
    if (this.isClosed) this.#sparePause();
  }

  #keepSpares(): void {
    if (this.#sparePause) return;
    const { spareWorkers, maxWorkers } = this.#options;
    const ready = [...this.#idle.keys()].filter((worker) => worker.jobs === 0).length + this.#starting.size;
    for (let missing = spareWorkers - ready; missing > 0 && this.#workers < maxWorkers && !this.isClosed; missing--) {
      const starting = this.#startSpare().then((isReady) => {
        this.#starting.delete(starting);
        if (!isReady) this.#pauseSpares();
        // One that did not start leaves its place to a job.
        this.pump();
      });
      this.#starting.add(starting);
    }
  }

  /** A spare worker that does not start is no job's failure: a job that needs one will try again, and be told. */
  async #startSpare(): Promise<boolean> {
    try {
      this.#list(await this.#options.spawnSpare(this.#closing.signal));
      return true;
    } catch (error) {
      if (!this.isClosed) this.#options.onWarning("Cannot keep a worker ready", error);
      return false;
    }
  }
}
