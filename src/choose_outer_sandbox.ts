/** Decides whether a host's workers get the second wall, and what it bounds. */
import type { ResolvedHostOptions } from "./options.ts";
import { type OuterBounds, OuterSandbox, OuterSandboxError } from "./worker_process/outer_sandbox.ts";

/** The wall, or why there is none. */
export type OuterChoice =
  | { readonly outer: { readonly sandbox: OuterSandbox; readonly bounds: OuterBounds } }
  | { readonly outer?: undefined; readonly missing: string };

/** What V8 sets aside for compiled code, 512 MiB, and what else a worker takes before it has a job. */
const START_BYTES = 640 * 2 ** 20;

/** Tries out what the options ask for. Throws {@linkcode OuterSandboxError} if they insist on what cannot be had. */
export async function chooseOuterSandbox(options: ResolvedHostOptions, directory: string): Promise<OuterChoice> {
  const { sandbox: { outer, ...paths }, denoPath, limits } = options;
  if (outer === "none") return { missing: 'the option sandbox.outer is "none"' };
  const bounds = { dataBytes: START_BYTES + limits.processMemoryBytes, fileBytes: limits.directoryBytes };
  try {
    return { outer: { sandbox: await OuterSandbox.open(paths, denoPath, await Deno.realPath(directory)), bounds } };
  } catch (error) {
    if (outer === "bubblewrap" || !(error instanceof OuterSandboxError)) throw error;
    return { missing: error.message };
  }
}
