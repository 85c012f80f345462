/** The token of a worker that waits for a job. */
import type { WorkerProcess } from "./worker_process.ts";

/**
 * A worker with nothing to do. A job takes the process out of the token, and only a job that left the worker healthy makes a new
 * token: a worker that is busy, lost or suspect cannot be given a job.
 */
export class IdleWorker {
  #process: WorkerProcess | undefined;

  constructor(process: WorkerProcess) {
    this.#process = process;
  }

  /** The artifact file that an execute worker has bound. */
  get boundTo(): string | undefined {
    return this.#process?.boundTo;
  }

  get pid(): number {
    return this.#held().pid;
  }

  /** The pages (64 KiB each) that code may have there. */
  get maxMemoryPages(): number {
    return this.#process?.maxMemoryPages ?? 0;
  }

  /** How many jobs it was given. */
  get jobs(): number {
    return this.#process?.jobs ?? 0;
  }

  /** Resolves when the process has ended. */
  get exited(): Promise<Deno.CommandStatus> {
    return this.#held().exited;
  }

  /** Sets who is told when the process ends while nobody has taken it. */
  set onExit(onExit: () => void) {
    this.#held().onExit = onExit;
  }

  /** Ends the process instead of giving it a job. */
  async retire(): Promise<void> {
    await this.take().retire();
  }

  /** The process, for a job. The token is of no use afterwards. */
  take(): WorkerProcess {
    const process = this.#held();
    process.onExit = undefined;
    this.#process = undefined;
    process.jobs++;
    return process;
  }

  /** Gives the process a job, and ends it unless the outcome hands over a worker that is healthy. */
  async serve<T extends object>(job: (worker: WorkerProcess) => Promise<T>): Promise<T> {
    const worker = this.take();
    let healthy = false;
    try {
      const outcome = await job(worker);
      healthy = "worker" in outcome;
      return outcome;
    } finally {
      if (!healthy) await worker.retire();
    }
  }

  #held(): WorkerProcess {
    if (!this.#process) throw new Error("Cannot use an idle worker: its process was taken by a job");
    return this.#process;
  }
}
