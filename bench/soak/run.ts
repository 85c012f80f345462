// deno-lint-ignore-file no-console -- a command prints
/** Runs the jobs of a soak on a host, some at a time, and keeps the books. */
import { delay } from "@std/async/delay";
import { HostClosedError, QueueFullError, type ValidationHost } from "../../mod.ts";
import { within } from "../fuzz/run_cases.ts";
import { Random } from "../random.ts";
import { RELAY_PARENTS, type SoakJobs } from "./jobs.ts";
import { describeSample, FLAT, type Sample, takeSample, typical } from "./memory.ts";

/** How many calls are made at a time, in turn: fewer than workers, more than workers, more than may wait. */
const WIDTHS = [3, 12, 30, 80];
const JOBS_PER_WIDTH = 100;
const SAMPLES = 25;
/** What no call takes, however many wait in front of it. */
const HANG_MS = 120_000;
/** How many calls are still going on when the host is closed. */
const CUT_CALLS = 60;
const WORK_BEFORE_CUT_MS = 200;
/** Which share of the run warms up, which is compared, and how much more the end may have. */
const BASE = [0.2, 0.4] as const;
const END = [0.8, 1] as const;
const MAX_GROWTH = 1.1;
/** A worker takes four, and there may be four more of them at one look than at another. */
const MAX_MORE_OPEN_FILES = 16;
/** Chaos reaches spare workers too. */
const EXPECTED_WARNINGS = ["Cannot keep a worker ready"];

/** One run. */
export class SoakRun {
  readonly outcomes = new Map<string, number>();
  readonly actions = new Map<string, number>();
  readonly warnings = new Map<string, number>();
  readonly violations: string[] = [];
  readonly samples: Sample[] = [];
  calls = 0;
  settled = 0;
  maxRssMib = 0;
  readonly #start = performance.now();
  readonly #jobs: SoakJobs;
  readonly #random: Random;
  readonly #inFlight = new Set<Promise<void>>();
  #leaf: string | undefined;
  #isClosing = false;

  constructor(jobs: SoakJobs, seed: number) {
    this.#jobs = jobs;
    this.#random = new Random(seed, "actions");
  }

  get seconds(): number {
    return (performance.now() - this.#start) / 1_000;
  }

  /** Makes so many calls, and waits for all of them to settle. */
  async work(host: ValidationHost, jobs: number): Promise<void> {
    const sampleEvery = Math.max(1, Math.floor(jobs / SAMPLES));
    for (let index = 0; index < jobs; index++) {
      if (index > 0 && index % sampleEvery === 0) await this.#sample(index);
      const width = WIDTHS[Math.floor(index / JOBS_PER_WIDTH) % WIDTHS.length] ?? 1;
      while (this.#inFlight.size >= width) await Promise.race(this.#inFlight);
      this.#call(host, index);
      this.#act(host, index);
    }
    await this.#sample(jobs);
    this.#checkMemory();
    const { busy, waiting } = host.snapshot().executeWorkers;
    if (busy + waiting > 0) this.violate(`${busy} executions run and ${waiting} wait when all calls have settled`);
  }

  /** Closes the host while calls go on: each settles all the same, if not as it would have. */
  async closeAtWork(host: ValidationHost): Promise<void> {
    for (let call = 0; call < CUT_CALLS; call++) this.#call(host, -1 - call);
    await delay(WORK_BEFORE_CUT_MS);
    this.#isClosing = true;
    await host.close();
    await this.#drain();
  }

  violate(what: string): void {
    console.log(`VIOLATION ${what}`);
    this.violations.push(what);
  }

  warn(message: string, error: unknown): void {
    add(this.warnings, message);
    if (!EXPECTED_WARNINGS.includes(message)) this.violate(`a warning: ${message}: ${error}`);
  }

  #call(host: ValidationHost, index: number): void {
    const { name, run } = this.#jobs.make(index);
    this.calls++;
    const running = run(host).catch((error: unknown) => this.#rejected(error, `${name} ${index}`)).then((outcome) => {
      this.settled++;
      add(this.outcomes, `${name}: ${outcome}`);
    });
    const watched = within(HANG_MS, running).catch((error) => this.violate(`${name} ${index}: ${error}`))
      .finally(() => this.#inFlight.delete(watched));
    this.#inFlight.add(watched);
  }

  #rejected(error: unknown, job: string): string {
    if (error instanceof QueueFullError) return "queue full";
    if (error instanceof HostClosedError && this.#isClosing) return "cut short";
    this.violate(`${job}: ${error instanceof Error ? error.stack : error}`);
    return "violation";
  }

  /** What else users of a host do. */
  #act(host: ValidationHost, index: number): void {
    const random = this.#random;
    if (index % 40 === 0) {
      add(this.actions, "heads-up");
      host.headsUp([random.pick(this.#jobs.shared)]);
    }
    if (index % 60 === 0) {
      add(this.actions, "leaves");
      this.#changeLeaves(host);
    }
    if (index % 100 === 0) {
      add(this.actions, "snapshot");
      host.snapshot();
    }
    if (index % 150 === 0) {
      add(this.actions, "prune");
      host.prune(random.pick([0, 500])).catch((error) => this.violate(`pruning: ${error}`));
    }
  }

  /** Most relay parents live on. */
  #changeLeaves(host: ValidationHost): void {
    const [hash = "", ...ancestors] = RELAY_PARENTS.filter(() => this.#random.chance(0.8));
    const deactivated = this.#leaf === undefined ? [] : [this.#leaf];
    host.updateActiveLeaves({ activated: { hash, ancestors }, deactivated });
    this.#leaf = hash;
  }

  async #drain(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async #sample(jobs: number): Promise<void> {
    this.maxRssMib = Math.max(this.maxRssMib, Deno.memoryUsage().rss / 2 ** 20);
    await this.#drain();
    const sample = await takeSample(jobs);
    this.samples.push(sample);
    console.log(`${this.seconds.toFixed(0).padStart(4)} s, ${describeSample(sample)}`);
  }

  #checkMemory(): void {
    for (const field of FLAT) {
      const [base, end] = [typical(this.samples, field, ...BASE), typical(this.samples, field, ...END)];
      if (!(end <= base * MAX_GROWTH)) this.violate(`${field} went from ${base.toFixed(1)} to ${end.toFixed(1)}`);
    }
    const [base, end] = [typical(this.samples, "openFiles", ...BASE), typical(this.samples, "openFiles", ...END)];
    if (!(end <= base + MAX_MORE_OPEN_FILES)) this.violate(`open files went from ${base} to ${end}`);
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
