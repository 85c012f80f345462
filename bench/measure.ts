/** What benchmarks measure with. */

/** The time that `work` takes, in milliseconds, and what it gives back. */
export async function time<T>(work: () => T | Promise<T>): Promise<{ elapsed: number; value: T }> {
  const start = performance.now();
  const value = await work();
  return { elapsed: performance.now() - start, value };
}

/** The middle one. */
export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** A time for people. */
export function ms(time: number): string {
  return `${time.toFixed(2)} ms`;
}

/** What a process takes of the machine's memory, by Linux' own account. */
export function memoryOf(pid: number): string {
  const rollup = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  const mib = (field: string): string => {
    const kib = Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1]);
    return `${(kib / 1024).toFixed(1)} MiB`;
  };
  return `resident ${mib("Rss")}, proportional ${mib("Pss")}, private dirty ${mib("Private_Dirty")}`;
}
