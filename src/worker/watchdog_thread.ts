/**
 * The watchdog's own thread. It is started from the text of {@linkcode watchdogThread}: a worker cannot read its program's files, and
 * a thread that imports nothing costs the least.
 */
import type { startCpuClock } from "./cpu_clock.ts";

/** What the thread is told at its start. */
export interface WatchdogSettings {
  /** The process whose child the worker is. */
  readonly hostPid: number;
  /** How long the thread sleeps between two looks at a job, in milliseconds. */
  readonly pollMs: number;
  /** The same between jobs. */
  readonly idlePollMs: number;
  /** The CPU time that a process may take between two jobs, in milliseconds, in any window of so many. */
  readonly idleCpuMs: number;
  readonly idleWindowMs: number;
  /** How much more CPU time than its limit a job may take before it is ended, in milliseconds. */
  readonly slackMs: number;
  readonly layout: typeof LAYOUT;
}

/**
 * What the main thread and the watchdog share, by its place in bytes: 32-bit words, then the limits as 64-bit floating point numbers
 * in the order of `WATCHED_LIMITS`, then the frame of the last words.
 *
 * `job` says whose turn it is: the number of the running job, counted from 1; `idle` between jobs, when only the main thread may
 * write to standard output; `ending` once the watchdog has decided to end the job, when only the watchdog may. Each leaves the job's
 * number by a compare-and-exchange, so exactly one of them has it.
 */
export const LAYOUT = {
  watching: 0,
  job: 1,
  limitsAt: 8,
  frameAt: 24,
  idle: 0,
  ending: -1,
} as const;

/** The program. Its text is all that the thread is given: it must not name anything from outside of itself. */
export function watchdogThread(startClock: typeof startCpuClock, settings: WatchdogSettings): void {
  const { hostPid, pollMs, slackMs, idlePollMs, idleCpuMs, idleWindowMs, layout } = settings;

  function watch(memory: SharedArrayBuffer): void {
    const words = new Int32Array(memory, 0, layout.limitsAt / 4);
    Atomics.store(words, layout.watching, 1);
    Atomics.notify(words, layout.watching);
    for (;;) {
      const job = Atomics.load(words, layout.job);
      if (job === layout.idle) watchIdle(memory, words);
      else watchJob(memory, words, job);
    }
  }

  /** A job that is over before the first look costs none. */
  function watchJob(memory: SharedArrayBuffer, words: Int32Array<SharedArrayBuffer>, job: number): void {
    const cpuTimeUs = startClock();
    const limits = limitsIn(memory);
    limits[0] = (limits[0] ?? 0) + slackMs;
    while (Atomics.wait(words, layout.job, job, pollMs) === "timed-out") {
      if (Deno.ppid !== hostPid) endProcess();
      const { which, used } = broken(limits, cpuTimeUs);
      if (which >= 0 && Atomics.compareExchange(words, layout.job, job, layout.ending) === job) {
        sayLastWords(memory, which, used);
      }
    }
  }

  /**
   * The main thread reads then, and notices the end of its input by itself; but a job may have left threads that go on, and something
   * that keeps the process from ending. Nobody waits for words, so it ends without any.
   */
  function watchIdle(memory: SharedArrayBuffer, words: Int32Array<SharedArrayBuffer>): void {
    const limits = limitsIn(memory);
    limits[0] = idleCpuMs;
    let cpuTimeUs = startClock();
    for (let polls = 1; Atomics.wait(words, layout.job, layout.idle, idlePollMs) === "timed-out"; polls++) {
      if (Deno.ppid !== hostPid || broken(limits, cpuTimeUs).which >= 0) endProcess();
      // What little an idle process takes must not add up to the limit.
      if (polls % (idleWindowMs / idlePollMs) === 0) cpuTimeUs = startClock();
    }
  }

  /** In the order of `WATCHED_LIMITS`, which is also that of what is used. */
  function limitsIn(memory: SharedArrayBuffer): number[] {
    return Array.from(new Float64Array(memory, layout.limitsAt, 2));
  }

  /** Which limit is broken, none being -1, and by what. */
  function broken(limits: number[], cpuTimeUs: () => number): { which: number; used: number } {
    const used = [Math.ceil(cpuTimeUs() / 1000), Deno.memoryUsage().rss];
    const which = used.findIndex((value, index) => value > (limits[index] ?? 0));
    return { which, used: used[which] ?? 0 };
  }

  /** Writes the frame that the main thread has left, with the limit and what was used in its last nine bytes. */
  function sayLastWords(memory: SharedArrayBuffer, limit: number, used: number): void {
    try {
      const frame = new Uint8Array(memory, layout.frameAt).slice();
      frame[frame.length - 9] = limit;
      new DataView(frame.buffer).setBigUint64(frame.length - 8, BigInt(used), true);
      for (let rest = frame; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
    } finally {
      endProcess();
    }
  }

  function endProcess(): void {
    Deno.kill(Deno.pid, "SIGKILL");
  }

  addEventListener("message", (event) => watch((event as MessageEvent<SharedArrayBuffer>).data), { once: true });
}
