/** Frees what earlier jobs have left. */
import { type JobLimits, PAGE_BYTES } from "../protocol/job_limits.ts";

/** V8 offers it by a flag. */
const { gc } = globalThis as { gc?: () => void };

/**
 * Every job has an instance of its own. The memory of the last one stays until V8 collects it, which it does when its own heap is full:
 * until then it would count against the next job. It is collected where it might leave too little to that.
 */
export function freeMemory({ processMemoryBytes, memoryPages }: JobLimits): void {
  const besidesCode = processMemoryBytes - memoryPages * PAGE_BYTES;
  if (Deno.memoryUsage().rss > besidesCode / 2) gc?.();
}
