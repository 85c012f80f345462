/**
 * The watchdog's own thread. It is started from the text of {@linkcode watchdogThread}: a worker cannot read its program's files, and
 * a thread that imports nothing costs the least.
 */

/** What the thread is told at its start. */
export interface WatchdogSettings {
  /** The process whose child the worker is. */
  readonly hostPid: number;
  /** How long the thread sleeps between two looks at a job, in milliseconds. */
  readonly pollMs: number;
  /** How much more CPU time than its limit a job may take before it is ended, in milliseconds. */
  readonly slackMs: number;
  readonly layout: typeof LAYOUT;
}

/**
 * What the main thread and the watchdog share: 32-bit words by their place, then the frame of the last words.
 *
 * `job` says whose turn it is: the number of the running job, counted from 1; `idle` between jobs, when only the main thread may
 * write to standard output; `ending` once the watchdog has decided to end the job, when only the watchdog may. Each leaves the job's
 * number by a compare-and-exchange, so exactly one of them has it.
 */
export const LAYOUT = {
  watching: 0,
  job: 1,
  limitMs: 2,
  frameAt: 12,
  idle: 0,
  ending: -1,
} as const;

/** The program. Its text is all that the thread is given: it must not name anything from outside of itself. */
export function watchdogThread(startCpuClock: () => () => number, settings: WatchdogSettings): void {
  const { hostPid, pollMs, slackMs, layout } = settings;

  /** Watches for ever. Between jobs it sleeps: the main thread then reads, and notices the end of its input by itself. */
  function watch(memory: SharedArrayBuffer): void {
    const words = new Int32Array(memory, 0, layout.frameAt / 4);
    Atomics.store(words, layout.watching, 1);
    Atomics.notify(words, layout.watching);
    for (;;) {
      const job = Atomics.load(words, layout.job);
      if (job === layout.idle) Atomics.wait(words, layout.job, layout.idle);
      else watchJob(memory, words, job);
    }
  }

  function watchJob(memory: SharedArrayBuffer, words: Int32Array<SharedArrayBuffer>, job: number): void {
    const limitUs = ((Atomics.load(words, layout.limitMs) >>> 0) + slackMs) * 1000;
    const cpuTimeUs = startCpuClock();
    while (Atomics.load(words, layout.job) === job) {
      if (Deno.ppid !== hostPid) endProcess();
      const used = cpuTimeUs();
      if (used > limitUs && Atomics.compareExchange(words, layout.job, job, layout.ending) === job) {
        sayLastWords(memory, used);
      }
      Atomics.wait(words, layout.job, job, pollMs);
    }
  }

  /** Writes the frame that the main thread has left, with the CPU time in its last eight bytes. */
  function sayLastWords(memory: SharedArrayBuffer, cpuTimeUs: number): void {
    try {
      const frame = new Uint8Array(memory, layout.frameAt).slice();
      new DataView(frame.buffer).setBigUint64(frame.length - 8, BigInt(cpuTimeUs), true);
      Deno.stdout.writeSync(frame);
    } finally {
      endProcess();
    }
  }

  function endProcess(): void {
    Deno.kill(Deno.pid, "SIGKILL");
  }

  addEventListener("message", (event) => watch((event as MessageEvent<SharedArrayBuffer>).data), { once: true });
}
