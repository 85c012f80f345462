/** Why a preparation failed, and whether everyone would see the same. */

/**
 * Why a preparation failed.
 *
 * The code's own doing, the same for everyone who tries:
 * - `decompression`: the compressed code is damaged, or larger than the bomb limit once decompressed
 * - `prevalidation`: not a module of the form that a PVF has
 * - `preparation`: the module does not compile
 * - `job-error`: the preparation failed in a way that the worker did not expect
 * - `out-of-memory`: preparing needs more memory than a worker may use, be it V8's heap or the process's resident set
 *
 * This machine's or this host's doing, or not known to be the code's:
 * - `runtime-construction`: the compiled module could not be instantiated
 * - `timed-out`: the preparation took longer than its limit
 * - `io-error`: the worker's answer could not be received
 * - `malformed-answer`: what the worker sent is no answer: it is too long, of another kind or for another request, or it does not decode
 * - `directory-limit`: there were more entries or bytes in the worker's directory than there may be
 * - `job-died`: the worker process ended during the job
 * - `create-tmp-file`, `rename-tmp-file`, `clear-worker-dir`: a file could not be created, published or deleted
 * - `unreachable`: the request could not be handed to a worker, several times
 * - `spawn`: no worker could be started
 *
 * @example Which of them a relay chain would see too
 * ```ts
 * import { isDeterministic, type PrepareErrorKind } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const kinds: PrepareErrorKind[] = ["prevalidation", "timed-out"];
 * assertEquals(kinds.map((kind) => isDeterministic({ kind, message: "" })), [true, false]);
 * ```
 */
export type PrepareErrorKind =
  | "decompression"
  | "prevalidation"
  | "preparation"
  | "job-error"
  | "out-of-memory"
  | "runtime-construction"
  | "timed-out"
  | "io-error"
  | "malformed-answer"
  | "directory-limit"
  | "job-died"
  | "create-tmp-file"
  | "rename-tmp-file"
  | "clear-worker-dir"
  | "unreachable"
  | "spawn";

/**
 * A failed preparation: what kind of failure it is, and what exactly went wrong.
 *
 * @example A line for a log
 * ```ts
 * import type { PrepareError } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const describe = ({ kind, message }: PrepareError): string => `${kind}: ${message}`;
 * assertEquals(describe({ kind: "spawn", message: "no worker" }), "spawn: no worker");
 * ```
 */
export interface PrepareError {
  /** What kind of failure it is. */
  readonly kind: PrepareErrorKind;
  /** What went wrong, naming the value at fault and what was wanted. */
  readonly message: string;
  /** Where it timed out, the CPU time that it was allowed, in milliseconds: whoever allows more may see another end. */
  readonly allowedMs?: number;
}

/**
 * What a successful preparation was found to need and to give.
 *
 * @example How much larger the code is than it was given
 * ```ts
 * import type { PrepareStats } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const stats: PrepareStats = { decompressedBytes: 2_481_751, cpuTimeMs: 69.4, maxRssKib: 70_012 };
 * assertEquals((stats.decompressedBytes / 604_843).toFixed(1), "4.1");
 * ```
 */
export interface PrepareStats {
  /** The length of the code once decompressed, in bytes. */
  readonly decompressedBytes: number;
  /** The CPU time that the preparation took, in milliseconds. */
  readonly cpuTimeMs: number;
  /** The largest resident set that the worker process was seen to have during the preparation, in KiB. */
  readonly maxRssKib: number;
}

/**
 * Whether everyone who prepares the same code with the same parameters would see the same failure. Such a failure is not retried.
 *
 * @example
 * ```ts
 * import { isDeterministic } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isDeterministic({ kind: "preparation", message: "does not compile" }), true);
 * assertEquals(isDeterministic({ kind: "job-died", message: "received signal: SIGKILL" }), false);
 * ```
 */
export function isDeterministic(error: PrepareError): boolean {
  return DETERMINISTIC.has(error.kind);
}

const DETERMINISTIC: ReadonlySet<PrepareErrorKind> = new Set<PrepareErrorKind>([
  "decompression",
  "prevalidation",
  "preparation",
  "job-error",
  "out-of-memory",
]);
