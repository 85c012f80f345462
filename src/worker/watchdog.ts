/**
 * The watchdog of a worker process: a thread that ends the process when a job takes more CPU time or memory than it may, and when the
 * host is gone. WebAssembly cannot reach the thread, however busy it keeps the main one. JavaScript could,
 * which is one reason for the host to keep its own watch, by wall-clock time.
 */
import { encodeFrame } from "../protocol/frame.ts";
import { WATCHED_LIMITS, type WatchedLimit } from "../protocol/job_limits.ts";
import { type ExecuteRequest, LAST_WORDS } from "../protocol/messages.ts";
import { startCpuClock } from "./cpu_clock.ts";
import { LAYOUT, type WatchdogSettings, watchdogThread } from "./watchdog_thread.ts";

/** How long the watchdog sleeps between two looks at a job, and so how late it may be, in milliseconds. */
const POLL_MS = 20;

/** How much CPU time over its limit a job may use before it is ended, in milliseconds: upstream's JOB_TIMEOUT_OVERHEAD. */
const SLACK_MS = 50;

/** The same between jobs: a worker is gone within a second of its host. */
const IDLE_POLL_MS = 250;

/**
 * The CPU time that a process may take between two jobs, in milliseconds in so many. V8 goes on compiling for some 100 ms after a job;
 * what takes longer is a thread that the job has left.
 */
const IDLE_CPU_MS = 2_000;
const IDLE_WINDOW_MS = 10_000;

/** How long a job waits for the thread to be there. It takes some 15 ms from the worker's handshake on. */
const START_TIMEOUT_MS = 10_000;

/**
 * Kept from before any job: a job that is JavaScript may put its own functions in their place, and would be handed what the watchdog
 * and the main thread share. For the same reason that is written by index, and not asked for its length.
 */
const { compareExchange, notify, store, wait } = Atomics;
const LIMIT_COUNT = WATCHED_LIMITS.length;

/** What is to be watched. */
export type WatchedJob = Pick<ExecuteRequest, "requestId" | "limits">;

/** The main thread's side of the watchdog. */
export class Watchdog {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #limits: Float64Array<SharedArrayBuffer>;
  readonly #frame: Uint8Array<SharedArrayBuffer>;
  readonly #frameBytes: number;
  /** The number of the last job. */
  #job = 0;

  /** Starts the thread. `hostPid` is the process that the worker must not outlive. */
  constructor(hostPid: number) {
    this.#frameBytes = lastWords({ requestId: 0 }).length;
    const memory = new SharedArrayBuffer(LAYOUT.frameAt + this.#frameBytes);
    this.#words = new Int32Array(memory, 0, LAYOUT.limitsAt / 4);
    // Between jobs the memory limit of the last one holds, and before the first job none.
    this.#limits = new Float64Array(memory, LAYOUT.limitsAt, LIMIT_COUNT).fill(Infinity);
    this.#frame = new Uint8Array(memory, LAYOUT.frameAt);
    const settings = {
      hostPid,
      pollMs: POLL_MS,
      slackMs: SLACK_MS,
      idlePollMs: IDLE_POLL_MS,
      idleCpuMs: IDLE_CPU_MS,
      idleWindowMs: IDLE_WINDOW_MS,
      layout: LAYOUT,
    };
    new Worker(threadUrl(settings), { type: "module" }).postMessage(memory);
  }

  /**
   * Runs a job while the watchdog watches it. Nothing may be written to standard output before this has given the job's answer back:
   * a frame that is longer than a pipe is not written at once, and last words in the middle of it would look like a worker's lie. So
   * the watchdog is called off first, and if it has decided to end the process by then, there is no answer.
   */
  async watch<T>(job: WatchedJob, run: () => Promise<T>): Promise<T> {
    this.#arm(job);
    try {
      return await run();
    } finally {
      this.#disarm();
    }
  }

  #arm({ requestId, limits }: WatchedJob): void {
    if (wait(this.#words, LAYOUT.watching, 0, START_TIMEOUT_MS) === "timed-out") {
      throw new Error(`The watchdog did not start within ${START_TIMEOUT_MS} ms`);
    }
    for (let index = 0; index < LIMIT_COUNT; index++) {
      this.#limits[index] = limits[WATCHED_LIMITS[index] as WatchedLimit];
    }
    const frame = lastWords({ requestId });
    for (let index = 0; index < this.#frameBytes; index++) this.#frame[index] = frame[index] as number;
    store(this.#words, LAYOUT.job, ++this.#job);
    notify(this.#words, LAYOUT.job);
  }

  /** The thread need not be woken for this: it looks again soon enough, or is woken for the next job. */
  #disarm(): void {
    const found = compareExchange(this.#words, LAYOUT.job, this.#job, LAYOUT.idle);
    // Whoever waits here does not wait long: the process is about to be killed.
    if (found !== this.#job) wait(this.#words, LAYOUT.job, found);
  }
}

/** The frame in which the limit and what was used are still to be filled in. */
function lastWords({ requestId }: Pick<WatchedJob, "requestId">): Uint8Array {
  return encodeFrame(LAST_WORDS, { requestId, limit: "cpuTimeMs", used: 0 });
}

/** The thread's program as a URL, which needs neither a file nor a permission. */
function threadUrl(settings: WatchdogSettings): string {
  const program = `(${watchdogThread})(${startCpuClock}, ${JSON.stringify(settings)});`;
  return `data:text/javascript,${encodeURIComponent(program)}`;
}
