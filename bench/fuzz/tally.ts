// deno-lint-ignore-file no-console -- a command prints
/** What has come of the cases of one part of a run. */

/** How often progress is told, in milliseconds. */
const PROGRESS_MS = 10_000;

/** Counts outcomes, tells progress, and keeps what must not have happened. */
export class Tally {
  /** What must not have happened, with what it takes to do it again. */
  readonly violations: string[] = [];
  readonly #part: string;
  readonly #total: number;
  readonly #start = performance.now();
  /** Each outcome: how often it came, and of which case first. */
  readonly #outcomes = new Map<string, { count: number; first: number }>();
  #done = 0;
  #told = performance.now();

  constructor(part: string, total: number) {
    this.#part = part;
    this.#total = total;
  }

  /** Notes what came of a case; a part may note several things of one. */
  note(index: number, outcome: string): void {
    const known = this.#outcomes.get(outcome);
    if (known) known.count++;
    else this.#outcomes.set(outcome, { count: 1, first: index });
  }

  /** Notes what must not have happened. */
  violate(index: number, how: string, what: string): void {
    const violation = `VIOLATION ${this.#part}:${index} (${how}): ${what}`;
    console.log(violation);
    this.violations.push(violation);
  }

  /** Notes that a case is done with. */
  finish(): void {
    this.#done++;
    if (performance.now() - this.#told < PROGRESS_MS) return;
    this.#told = performance.now();
    console.log(`${this.#part}: ${this.#done} of ${this.#total}, ${this.#rate()}, host ${hostMemory()}`);
  }

  /** The whole of it, for people. */
  print(): void {
    const seconds = ((performance.now() - this.#start) / 1_000).toFixed(1);
    console.log(`\n${this.#part}: ${this.#done} cases in ${seconds} s, ${this.#rate()}, host ${hostMemory()}`);
    const outcomes = [...this.#outcomes].toSorted(([, one], [, other]) => other.count - one.count);
    for (const [outcome, { count, first }] of outcomes) {
      console.log(`  ${String(count).padStart(6)}  ${outcome.padEnd(56)} first ${this.#part}:${first}`);
    }
  }

  #rate(): string {
    return `${Math.round(this.#done / (performance.now() - this.#start) * 1_000)} a second`;
  }
}

/** The resident set of this process. */
export function hostMemory(): string {
  return `${(Deno.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`;
}
