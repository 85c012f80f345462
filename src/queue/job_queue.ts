/**
 * Who runs next, and on which worker. First come, first served, on a fixed number of workers; a worker that is bound to what a job
 * needs is preferred, and the idle worker that was used least recently makes room where a fresh one is needed.
 */
import type { IdleWorker } from "../worker_process/idle_worker.ts";

/** Something to be done by a worker. */
export interface Job<T> {
  /** What a worker must be bound to; `undefined` if any worker will do. */
  readonly boundTo: string | undefined;
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

/** Limits of a queue. */
export interface JobQueueOptions {
  /** The most workers at a time. */
  readonly maxWorkers: number;
  /** The most jobs that one worker is given. */
  readonly maxJobsPerWorker: number;
}

/** How often a job is handed to a worker that does not take it. */
const MAX_ATTEMPTS = 3;

interface Entry {
  readonly signal: AbortSignal;
  /** Never rejects: whoever submitted the job is told. */
  work(): Promise<void>;
}

/** A queue with its workers. */
export class JobQueue {
  readonly #options: JobQueueOptions;
  readonly #closing = new AbortController();
  readonly #waiting: Entry[] = [];
  /** Least recently used first. */
  readonly #idle: IdleWorker[] = [];
  readonly #running = new Set<Promise<void>>();
  /** How many jobs hold a worker, or are about to. */
  #busy = 0;
  readonly #retiring = new Set<Promise<void>>();

  constructor(options: JobQueueOptions) {
    this.#options = options;
  }

  /**
   * Waits for its turn and does the job. An abort takes a waiting job out of the queue and ends the worker of a running one; the
   * promise then rejects with the signal's reason.
   */
  async submit<T>(job: Job<T>, signal?: AbortSignal): Promise<T> {
    const aborted = linked(signal, this.#closing.signal);
    try {
      aborted.signal.throwIfAborted();
      return await this.#enqueue(job, aborted.signal);
    } finally {
      aborted.unlink();
    }
  }

  /** Whether it takes no jobs any more. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Resolves when nothing waits and nothing runs. */
  async drained(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Aborts whatever waits or runs, with this reason, and ends every worker. */
  async close(reason: unknown): Promise<void> {
    this.#closing.abort(reason);
    await this.drained();
    for (const worker of this.#idle.splice(0)) this.#retire(worker);
    await Promise.all(this.#retiring);
  }

  #enqueue<T>(job: Job<T>, signal: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const entry: Entry = { signal, work: () => this.#work(job, signal).then(resolve, reject) };
    signal.addEventListener("abort", () => {
      const index = this.#waiting.indexOf(entry);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      reject(signal.reason);
    }, { once: true });
    this.#waiting.push(entry);
    this.#pump();
    return promise;
  }

  #pump(): void {
    while (this.#busy < this.#options.maxWorkers) {
      const entry = this.#waiting.shift();
      if (!entry) return;
      this.#busy++;
      const running = entry.work().finally(() => {
        this.#running.delete(running);
        this.#busy--;
        this.#pump();
      });
      this.#running.add(running);
    }
  }

  async #work<T>(job: Job<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1;; attempt++) {
      const worker = this.#takeIdle(job.boundTo) ?? await this.#spawn(job, signal);
      const end = await job.run(worker, signal);
      if (end.kind === "done") {
        if (end.worker) this.#release(end.worker);
        return end.value;
      }
      if (attempt === MAX_ATTEMPTS) return job.unreachable(`${end.message} (attempt ${attempt} of ${MAX_ATTEMPTS})`);
    }
  }

  #takeIdle(boundTo: string | undefined): IdleWorker | undefined {
    const index = this.#idle.findIndex((worker) => worker.boundTo === boundTo);
    return index < 0 ? undefined : this.#idle.splice(index, 1)[0];
  }

  async #spawn<T>(job: Job<T>, signal: AbortSignal): Promise<IdleWorker> {
    const excess = this.#idle.length + this.#busy - this.#options.maxWorkers;
    // A process makes room before another is started: the number of workers is a promise about memory.
    await Promise.all(this.#idle.splice(0, Math.max(0, excess)).map((worker) => this.#retire(worker)));
    return await job.spawn(signal);
  }

  #release(worker: IdleWorker): void {
    if (worker.jobs >= this.#options.maxJobsPerWorker || this.#closing.signal.aborted) return void this.#retire(worker);
    this.#idle.push(worker);
    worker.onExit = () => {
      const index = this.#idle.indexOf(worker);
      if (index < 0) return;
      this.#idle.splice(index, 1);
      this.#retire(worker);
    };
  }

  #retire(worker: IdleWorker): Promise<void> {
    const retiring = worker.retire().finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
    return retiring;
  }
}

/** A signal that follows others until it is unlinked, so that a long-lived signal does not collect listeners. */
function linked(...signals: (AbortSignal | undefined)[]): { signal: AbortSignal; unlink: () => void } {
  const controller = new AbortController();
  const unlinks = signals.map((signal) => {
    const onAbort = (): void => controller.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    return () => signal?.removeEventListener("abort", onAbort);
  });
  return { signal: controller.signal, unlink: () => unlinks.forEach((unlink) => unlink()) };
}
