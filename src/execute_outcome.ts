/**
 * What an execution finds: who is to blame, and whether trying again may help. Expected outcomes are values, tagged on `kind`;
 * exceptions are for misuse, cancellation and a closed host.
 */
import { isDeterministic, type PrepareError, type PrepareErrorKind } from "./prepare_error.ts";

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
 *     case "execution-deadline":
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
  | PreparationOutcome
  | DeadlineOutcome;

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
 * - `output-limit`: the code gave back more bytes than it may
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
  readonly reason: "worker-reported-invalid" | "hard-timeout" | "output-limit" | "pov-decompression-failure";
  /** What happened; the text of a panic is at its end. */
  readonly message: string;
  /** The end of the code's log, oldest first. */
  readonly log: readonly LogEntry[];
}

/**
 * The code or its input may be at fault, and so may this machine.
 *
 * - `ambiguous-job-death`: the worker process ended during the job
 * - `ambiguous-worker-death`: the worker's answer could not be received
 * - `malformed-answer`: what the worker sent is no answer: it is too long, of another kind or for another request, or it does not decode
 * - `wall-clock-timeout`: no answer in four times the CPU time that the job may take (at the least 200 ms more than that); only CPU
 *   time would prove that the job is at fault
 * - `job-error`: the job failed in a way that the worker did not expect
 * - `resources-exhausted`: memory or native stack ran out below the limits that hold for everyone
 * - `memory-limit`: the worker's process took more memory than it may, by its resident set
 * - `directory-limit`: there were more entries or bytes in the worker's directory than there may be, although the job cannot write
 * - `could-not-clear-worker-dir`: the worker's directory could not be cleared, although the job cannot write
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
    | "malformed-answer"
    | "wall-clock-timeout"
    | "job-error"
    | "resources-exhausted"
    | "memory-limit"
    | "directory-limit"
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
 * The job was not run: what it was for can no longer come to pass. It says nothing about the code or its input.
 *
 * @example
 * ```ts
 * import { type DeadlineOutcome, mayRetry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const outcome: DeadlineOutcome = {
 *   kind: "execution-deadline",
 *   reason: "relay-parent-not-active",
 *   message: "The relay parent 0x00 is neither an active leaf nor an ancestor of one",
 *   log: [],
 * };
 * assertEquals(mayRetry(outcome), false);
 * ```
 */
export interface DeadlineOutcome {
  /** Discriminator. */
  readonly kind: "execution-deadline";
  /** Why it is too late: a backed candidate on that relay parent cannot be included any more. */
  readonly reason: "relay-parent-not-active";
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
  // A host function that this host lacks will be lacking the next time too.
  return outcome.kind === "possibly-invalid" || (outcome.kind === "internal" && outcome.reason !== "unsupported");
}

/** What an execute caller is told when the preparation of the code failed. */
export function fromPrepareError(error: PrepareError): PreparationOutcome | InternalOutcome {
  if (isDeterministic(error)) return { kind: "preparation", reason: error.kind, message: error.message, log: [] };
  return { kind: "internal", reason: "preparation", message: `${error.kind}: ${error.message}`, log: [] };
}
