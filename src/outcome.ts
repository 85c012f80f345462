/**
 * Every outcome of a preparation and of an execution, who is to blame for it, and whether trying again may help. Expected outcomes are
 * values, tagged on `kind`; exceptions are for misuse, cancellation and a closed host.
 */

/**
 * Why a preparation failed.
 *
 * The code's own doing, the same for everyone who tries:
 * - `decompression`: the compressed code is damaged, or larger than the bomb limit once decompressed
 * - `prevalidation`: not a module of the form that a PVF has
 * - `preparation`: the module does not compile
 * - `job-error`: the preparation failed in a way that the worker did not expect
 * - `out-of-memory`: preparing needs more memory than a worker may use
 *
 * This machine's or this host's doing, or not known to be the code's:
 * - `runtime-construction`: the compiled module could not be instantiated
 * - `timed-out`: the preparation took longer than its limit
 * - `io-error`: the worker's answer could not be received or made no sense
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

/**
 * What a precheck found.
 *
 * @example A vote
 * ```ts
 * import type { PrecheckOutcome } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * function vote(outcome: PrecheckOutcome): "for" | "against" {
 *   return outcome.kind === "prepared" ? "for" : "against";
 * }
 * const error = { kind: "prevalidation", message: "no validate_block" } as const;
 * assertEquals(vote({ kind: "failed", codeHash: "0x00", error }), "against");
 * ```
 */
export type PrecheckOutcome = PrecheckPrepared | PrecheckFailed;

/**
 * The code can be prepared; the artifact is in the registry.
 *
 * @example A line for people
 * ```ts
 * import type { PrecheckPrepared } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const describe = ({ codeHash, cpuTimeMs }: PrecheckPrepared): string => `${codeHash} in ${cpuTimeMs} ms`;
 * const stats = { decompressedBytes: 2_481_751, artifactBytes: 2_481_853, cpuTimeMs: 69, maxRssKib: 70_012 };
 * assertEquals(describe({ kind: "prepared", codeHash: "0x0b", ...stats }), "0x0b in 69 ms");
 * ```
 */
export interface PrecheckPrepared extends PrepareStats {
  /** Discriminator. */
  readonly kind: "prepared";
  /** BLAKE2b-256 of the code as given, "0x" and 64 hex digits: the hash that a relay chain knows the code by. */
  readonly codeHash: string;
  /** The length of the artifact file in bytes. */
  readonly artifactBytes: number;
}

/**
 * The code could not be prepared.
 *
 * @example
 * ```ts
 * import type { PrecheckFailed } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const failed: PrecheckFailed = { kind: "failed", codeHash: "0x0b", error: { kind: "timed-out", message: "60 s" } };
 * assertEquals(failed.error.kind, "timed-out");
 * ```
 */
export interface PrecheckFailed {
  /** Discriminator. */
  readonly kind: "failed";
  /** BLAKE2b-256 of the code as given, "0x" and 64 hex digits. */
  readonly codeHash: string;
  /** Why. `isDeterministic` tells whether the code itself is at fault. */
  readonly error: PrepareError;
}

/**
 * One entry of the log that the code itself wrote during a job.
 *
 * @example What the code says that went wrong
 * ```ts
 * import type { LogEntry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const log: LogEntry[] = [
 *   { level: "debug", target: "runtime", message: "Hash not equal" },
 *   { level: "error", target: "runtime", message: "panicked at 'Storage root must match that calculated.'" },
 * ];
 * assertEquals(log.filter((entry) => entry.level === "error").length, 1);
 * ```
 */
export interface LogEntry {
  /** How serious the code says that it is. */
  readonly level: "error" | "warn" | "info" | "debug" | "trace";
  /** Which part of the code wrote it. */
  readonly target: string;
  /** What it wrote, at most 4 KiB of it. */
  readonly message: string;
}

/**
 * What an execution found.
 *
 * @example What a validator would do
 * ```ts
 * import type { ExecuteOutcome } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * function vote(outcome: ExecuteOutcome): "for" | "against" | "none" {
 *   switch (outcome.kind) {
 *     case "valid":
 *       return "for";
 *     case "invalid":
 *     case "possibly-invalid": // after one more try
 *       return "against";
 *     case "internal":
 *     case "preparation":
 *       return "none";
 *   }
 * }
 * assertEquals(vote({ kind: "internal", reason: "spawn", message: "no worker", log: [] }), "none");
 * ```
 */
export type ExecuteOutcome =
  | ValidOutcome
  | InvalidOutcome
  | PossiblyInvalidOutcome
  | InternalOutcome
  | PreparationOutcome;

/**
 * The code accepted its input.
 *
 * @example What comes of a block
 * ```ts
 * import { decodeValidationResult, encodeValidationResult, type ValidOutcome } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const empty = { upwardMessages: [], horizontalMessages: [], processedDownwardMessages: 0, hrmpWatermark: 1 };
 * const outcome: ValidOutcome = {
 *   kind: "valid",
 *   result: encodeValidationResult({ headData: Uint8Array.of(7), ...empty }),
 *   cpuTimeMs: 4.2,
 *   wallTimeMs: 4.5,
 *   peakMemoryPages: 38,
 *   log: [],
 *   logDropped: 0,
 * };
 * assertEquals(decodeValidationResult(outcome.result).headData, Uint8Array.of(7));
 * ```
 */
export interface ValidOutcome {
  /** Discriminator. */
  readonly kind: "valid";
  /** What the code returned: for a PVF, a SCALE-encoded `ValidationResult`. */
  readonly result: Uint8Array;
  /** The CPU time that the job took, in milliseconds, by the worker's own account. */
  readonly cpuTimeMs: number;
  /** The time from the request to the answer, in milliseconds, by the host's clock. */
  readonly wallTimeMs: number;
  /** How many pages (64 KiB each) the code's memory had when it was largest. */
  readonly peakMemoryPages: number;
  /** The end of the code's log, oldest first: at most 64 KiB and 1,024 entries. */
  readonly log: readonly LogEntry[];
  /** How many older entries are not in `log`. */
  readonly logDropped: number;
}

/**
 * The code or its input is at fault, and nothing else can be.
 *
 * - `worker-reported-invalid`: the code trapped, or what it returned is not a result
 * - `hard-timeout`: the job used more CPU time than it may
 * - `pov-decompression-failure`: the block data is damaged, or larger than the bomb limit once decompressed
 *
 * @example
 * ```ts
 * import type { InvalidOutcome } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const outcome: InvalidOutcome = {
 *   kind: "invalid",
 *   reason: "worker-reported-invalid",
 *   message: "wasm trap: unreachable: panicked at 'Invalid AuRa seal', src/lib.rs:155:13",
 *   log: [],
 * };
 * assertEquals(outcome.message.includes("AuRa"), true);
 * ```
 */
export interface InvalidOutcome {
  /** Discriminator. */
  readonly kind: "invalid";
  /** Which fault. */
  readonly reason: "worker-reported-invalid" | "hard-timeout" | "pov-decompression-failure";
  /** What happened; the text of a panic is at its end. */
  readonly message: string;
  /** The end of the code's log, oldest first. */
  readonly log: readonly LogEntry[];
}

/**
 * The code or its input may be at fault, and so may this machine.
 *
 * - `ambiguous-job-death`: the worker process ended during the job
 * - `ambiguous-worker-death`: the worker's answer could not be received or made no sense
 * - `wall-clock-timeout`: no answer in four times the time that the job may take; only CPU time would prove that the job is at fault
 * - `job-error`: the job failed in a way that the worker did not expect
 * - `resources-exhausted`: memory or native stack ran out below the limits that hold for everyone
 * - `could-not-clear-worker-dir`: the worker's directory could not be cleared, which a job can bring about by deleting it
 * - `runtime-construction`: the artifact could not be loaded; it was removed, and the next request prepares it anew
 * - `corrupted-artifact`: the artifact is not what was prepared; it was removed, and the next request prepares it anew
 *
 * @example
 * ```ts
 * import { mayRetry, type PossiblyInvalidOutcome } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const outcome: PossiblyInvalidOutcome = {
 *   kind: "possibly-invalid",
 *   reason: "ambiguous-job-death",
 *   message: "The worker process received signal: SIGKILL",
 *   log: [],
 * };
 * assertEquals(mayRetry(outcome), true);
 * ```
 */
export interface PossiblyInvalidOutcome {
  /** Discriminator. */
  readonly kind: "possibly-invalid";
  /** Which doubt. */
  readonly reason:
    | "ambiguous-job-death"
    | "ambiguous-worker-death"
    | "wall-clock-timeout"
    | "job-error"
    | "resources-exhausted"
    | "could-not-clear-worker-dir"
    | "runtime-construction"
    | "corrupted-artifact";
  /** What happened. */
  readonly message: string;
  /** The end of the code's log, oldest first. */
  readonly log: readonly LogEntry[];
}

/**
 * This host or its machine is at fault. It says nothing about the code or its input.
 *
 * - `spawn`: no worker could be started
 * - `host-communication`: the request could not be handed to a worker, several times
 * - `could-not-copy-artifact`, `could-not-open-file`: the artifact could not be given to the worker
 * - `preparation`: the code could not be prepared for a reason that is not known to be its own
 * - `unsupported`: the code rightly called a host function that this host lacks
 *
 * @example
 * ```ts
 * import { type InternalOutcome, mayRetry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const outcome: InternalOutcome = { kind: "internal", reason: "spawn", message: "no worker", log: [] };
 * assertEquals(mayRetry(outcome), true);
 * ```
 */
export interface InternalOutcome {
  /** Discriminator. */
  readonly kind: "internal";
  /** Which fault. */
  readonly reason:
    | "spawn"
    | "host-communication"
    | "could-not-copy-artifact"
    | "could-not-open-file"
    | "preparation"
    | "unsupported";
  /** What happened. */
  readonly message: string;
  /** The end of the code's log, oldest first. */
  readonly log: readonly LogEntry[];
}

/**
 * The code cannot be prepared, by its own fault. That never condemns a block: a precheck should have found it.
 *
 * @example
 * ```ts
 * import { mayRetry, type PreparationOutcome } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const outcome: PreparationOutcome = {
 *   kind: "preparation",
 *   reason: "prevalidation",
 *   message: "no validate_block",
 *   log: [],
 * };
 * assertEquals(mayRetry(outcome), false);
 * ```
 */
export interface PreparationOutcome {
  /** Discriminator. */
  readonly kind: "preparation";
  /** Which fault: a deterministic one. */
  readonly reason: PrepareErrorKind;
  /** What happened. */
  readonly message: string;
  /** Always empty: nothing was run. */
  readonly log: readonly LogEntry[];
}

/**
 * Whether the same execution may end otherwise when it is tried again.
 *
 * @example
 * ```ts
 * import { mayRetry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mayRetry({ kind: "internal", reason: "spawn", message: "no worker", log: [] }), true);
 * assertEquals(mayRetry({ kind: "invalid", reason: "hard-timeout", message: "12 s", log: [] }), false);
 * ```
 */
export function mayRetry(outcome: ExecuteOutcome): boolean {
  return outcome.kind === "possibly-invalid" || outcome.kind === "internal";
}

/** What an execute caller is told when the preparation of the code failed. */
export function fromPrepareError(error: PrepareError): PreparationOutcome | InternalOutcome {
  if (isDeterministic(error)) return { kind: "preparation", reason: error.kind, message: error.message, log: [] };
  return { kind: "internal", reason: "preparation", message: `${error.kind}: ${error.message}`, log: [] };
}
