/** Decides whether a host's workers get the second wall, and what it bounds. */
import type { ResolvedHostOptions } from "./options.ts";
import { OuterSandbox, OuterSandboxError, type OuterWall } from "./worker_process/outer_sandbox.ts";

/** The wall, or why there is none. */
export type OuterChoice =
  | { readonly outer: OuterWall }
  | { readonly outer?: undefined; readonly missing: string };

/**
 * What V8 sets aside for compiled code, 512 MiB for the main thread and for the watchdog each, and what else a worker takes before it
 * has a job. The kernel counts what might be written to, so that its limit comes after the watchdog's.
 */
const START_BYTES = 1_280 * 2 ** 20;

/** All that the memory of any code can be. Where so much cannot be allowed, no preparation can be wrapped. */
const MOST_CODE_BYTES = 2 ** 32;

/** Tries out what the options ask for. Throws {@linkcode OuterSandboxError} if they insist on what cannot be had. */
export async function chooseOuterSandbox(options: ResolvedHostOptions, directory: string): Promise<OuterChoice> {
  const { sandbox: { outer, ...paths }, denoPath, limits } = options;
  if (outer === "none") return { missing: 'the option sandbox.outer is "none"' };
  const bounds = { dataBytes: START_BYTES + limits.processMemoryBytes, fileBytes: limits.directoryBytes };
  try {
    const largest = { ...bounds, dataBytes: bounds.dataBytes + MOST_CODE_BYTES };
    const trial = { denoPath, directory: await Deno.realPath(directory), bounds: largest };
    return { outer: { sandbox: await OuterSandbox.open(paths, trial), bounds } };
  } catch (error) {
    if (outer === "bubblewrap" || !(error instanceof OuterSandboxError)) throw error;
    return { missing: error.message };
  }
}
