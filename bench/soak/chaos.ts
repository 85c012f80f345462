/** What goes wrong with workers: they are killed, stopped and starved at random moments. */
import { delay } from "@std/async/delay";
import { processesWith } from "../../tests/it/processes.ts";
import type { Random } from "../random.ts";

const DEEDS = { kill: 42, terminate: 6, pause: 30, stop: 7, stutter: 12, crowd: 3 } as const;
/** The longest time between two deeds, in milliseconds. */
const MAX_CALM_MS = 400;
const MAX_PAUSE_MS = 500;

/** How often each was done. */
export type DeedCounts = Record<keyof typeof DEEDS, number>;

/** Does it to the workers of one host, which are known by its cache directory on their command lines. */
export class Chaos {
  readonly counts: DeedCounts = { kill: 0, terminate: 0, pause: 0, stop: 0, stutter: 0, crowd: 0 };
  readonly #cachePath: string;
  readonly #random: Random;
  readonly #going = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(cachePath: string, random: Random) {
    this.#cachePath = cachePath;
    this.#random = random;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Lets go. Workers that were stopped for good stay so: ending them is up to the host. */
  async end(): Promise<void> {
    this.#end.abort();
    await this.#loop;
    await Promise.all(this.#going);
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await delay(this.#random.below(MAX_CALM_MS));
      const pids = processesWith(`${this.#cachePath}/worker-dir-`);
      if (pids.length === 0) continue;
      const going = this.#do(this.#random.weighted(DEEDS), this.#random.pick(pids))
        .finally(() => this.#going.delete(going));
      this.#going.add(going);
    }
  }

  async #do(deed: keyof typeof DEEDS, pid: number): Promise<void> {
    this.counts[deed]++;
    switch (deed) {
      case "kill":
        return this.#signal(pid, "SIGKILL");
      case "terminate":
        return this.#signal(pid, "SIGTERM");
      case "stop":
        return this.#signal(pid, "SIGSTOP");
      case "pause":
        return await this.#pause(pid, this.#random.below(MAX_PAUSE_MS));
      case "stutter":
        // It is given a fifth of the time.
        for (let turn = 0; turn < 20; turn++) {
          await this.#pause(pid, 20);
          await delay(5);
        }
        return;
      case "crowd":
        return await crowd(this.#random.between(200, 800));
    }
  }

  async #pause(pid: number, ms: number): Promise<void> {
    this.#signal(pid, "SIGSTOP");
    await delay(ms);
    this.#signal(pid, "SIGCONT");
  }

  /** The number may have gone to another process meanwhile: one that is no worker of this host must not be hit. */
  #signal(pid: number, signal: Deno.Signal): void {
    try {
      if (!Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(this.#cachePath)) return;
      Deno.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Four neighbours that want all the time that there is. */
async function crowd(ms: number): Promise<void> {
  const spin = new Deno.Command("sh", { args: ["-c", "while :; do :; done"], stdin: "null" });
  const neighbours = Array.from({ length: 4 }, () => spin.spawn());
  await delay(ms);
  for (const neighbour of neighbours) neighbour.kill("SIGKILL");
  await Promise.all(neighbours.map(({ status }) => status));
}
