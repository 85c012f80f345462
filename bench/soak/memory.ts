/** How much memory and how many open files this process has. */
import { delay } from "@std/async/delay";

const MIB = 2 ** 20;

/** One look, while no job runs. */
export interface Sample {
  readonly jobs: number;
  readonly rssMib: number;
  readonly heapMib: number;
  readonly externalMib: number;
  readonly openFiles: number;
}

/** Which numbers must stay flat. */
export const FLAT = ["rssMib", "heapMib"] as const;

/** Looks, after all garbage is collected. Needs `--v8-flags=--expose-gc`. */
export async function takeSample(jobs: number): Promise<Sample> {
  const { gc } = globalThis as { gc?: () => void };
  if (!gc) throw new Error("Cannot collect garbage: run with --v8-flags=--expose-gc");
  // What one round finalizes, another can free.
  for (let round = 0; round < 3; round++) {
    gc();
    await delay(20);
  }
  const { rss, heapUsed, external } = Deno.memoryUsage();
  const openFiles = Array.from(Deno.readDirSync("/proc/self/fd")).length;
  return { jobs, rssMib: rss / MIB, heapMib: heapUsed / MIB, externalMib: external / MIB, openFiles };
}

/** The middle one of the samples from one share of the run to another. */
export function typical(samples: readonly Sample[], field: keyof Sample, from: number, to: number): number {
  const some = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
  return some.map((sample) => sample[field]).toSorted((a, b) => a - b)[some.length >> 1] ?? NaN;
}

/** A sample for people. */
export function describeSample({ jobs, rssMib, heapMib, externalMib, openFiles }: Sample): string {
  const [rss, heap, external] = [rssMib, heapMib, externalMib].map((mib) => mib.toFixed(1));
  return `${jobs} jobs: resident ${rss} MiB, heap ${heap} MiB, external ${external} MiB, ${openFiles} open files`;
}
