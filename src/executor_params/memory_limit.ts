/** How much memory executor parameters give to code. */
import type { ExecutorParams } from "./executor_params.ts";

/** What upstream adds for a runtime's stack. */
const STACK_PAGES = 32;
const DEFAULT_MAX_MEMORY_PAGES = 2048;
/** What WebAssembly can address: 4 GiB. */
const ALL_PAGES = 65_536;

/** The most pages that the memory of code with these parameters may ever have. */
export function memoryLimitPages({ maxMemoryPages = DEFAULT_MAX_MEMORY_PAGES }: ExecutorParams): number {
  return Math.min(STACK_PAGES + maxMemoryPages, ALL_PAGES);
}
