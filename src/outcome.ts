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

/** A failed preparation: what kind of failure it is, and what exactly went wrong. */
export interface PrepareError {
  /** What kind of failure it is. */
  readonly kind: PrepareErrorKind;
  /** What went wrong, naming the value at fault and what was wanted. */
  readonly message: string;
}

/** What a successful preparation was found to need and to give. */
export interface PrepareStats {
  /** The length of the code once decompressed, in bytes. */
  readonly decompressedBytes: number;
  /** The CPU time that the preparation took, in milliseconds. */
  readonly cpuTimeMs: number;
  /** The largest resident set that the worker process was seen to have during the preparation, in KiB. */
  readonly maxRssKib: number;
}

/** Whether everyone who prepares the same code with the same parameters would see the same failure. Such a failure is not retried. */
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

/** What a precheck found. */
export type PrecheckOutcome = PrecheckPrepared | PrecheckFailed;

/** The code can be prepared; the artifact is in the registry. */
export interface PrecheckPrepared extends PrepareStats {
  /** Discriminator. */
  readonly kind: "prepared";
  /** BLAKE2b-256 of the code as given, "0x" and 64 hex digits: the hash that a relay chain knows the code by. */
  readonly codeHash: string;
  /** The length of the artifact file in bytes. */
  readonly artifactBytes: number;
}

/** The code could not be prepared. */
export interface PrecheckFailed {
  /** Discriminator. */
  readonly kind: "failed";
  /** BLAKE2b-256 of the code as given, "0x" and 64 hex digits. */
  readonly codeHash: string;
  /** Why. `isDeterministic` tells whether the code itself is at fault. */
  readonly error: PrepareError;
}

/** One entry of the log that the code itself wrote during a job. */
export interface LogEntry {
  /** How serious the code says that it is. */
  readonly level: "error" | "warn" | "info" | "debug" | "trace";
  /** Which part of the code wrote it. */
  readonly target: string;
  /** What it wrote, at most 4 KiB of it. */
  readonly message: string;
}

/** What an execution found. */
export type ExecuteOutcome =
  | ValidOutcome
  | InvalidOutcome
  | PossiblyInvalidOutcome
  | InternalOutcome
  | PreparationOutcome;

/** The code accepted its input. */
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

/** The code cannot be prepared, by its own fault. That never condemns a block: a precheck should have found it. */
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

/** Whether the same execution may end otherwise when it is tried again. */
export function mayRetry(outcome: ExecuteOutcome): boolean {
  return outcome.kind === "possibly-invalid" || outcome.kind === "internal";
}

/** What an execute caller is told when the preparation of the code failed. */
export function fromPrepareError(error: PrepareError): PreparationOutcome | InternalOutcome {
  if (isDeterministic(error)) return { kind: "preparation", reason: error.kind, message: error.message, log: [] };
  return { kind: "internal", reason: "preparation", message: `${error.kind}: ${error.message}`, log: [] };
}
