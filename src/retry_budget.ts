/** Which outcome of an execution is tried again, and how often. */
import type { ExecuteOutcome, InternalOutcome, PossiblyInvalidOutcome } from "./execute_outcome.ts";

/** What kind of failure it is. Each has a budget of its own. */
export type FailureClass = "death" | "job-error" | "internal" | "execution-error";

const POSSIBLY_INVALID: Readonly<Record<PossiblyInvalidOutcome["reason"], FailureClass>> = {
  "ambiguous-job-death": "death",
  "ambiguous-worker-death": "death",
  "malformed-answer": "death",
  // Upstream's hard timeout, or the machine's fault. Whichever it is, the worker was killed without an answer.
  "wall-clock-timeout": "death",
  // Most often V8 ends the process. Where the worker lived to tell, the cause is the same: there is not enough now, and may be later.
  "resources-exhausted": "death",
  "memory-limit": "death",
  "directory-limit": "death",
  // The worker does not survive it. Upstream calls it internal, but a job can bring it about here.
  "could-not-clear-worker-dir": "death",
  "job-error": "job-error",
  "runtime-construction": "execution-error",
  "corrupted-artifact": "execution-error",
};

const INTERNAL: Readonly<Record<InternalOutcome["reason"], FailureClass | undefined>> = {
  "spawn": "internal",
  "host-communication": "internal",
  "could-not-copy-artifact": "internal",
  "could-not-open-file": "internal",
  "preparation": "internal",
  // A host that lacks a function lacks it three seconds later too.
  "unsupported": undefined,
};

/** The class of a failure, or `undefined` if trying again would be of no use or no right. */
export function failureClass(outcome: ExecuteOutcome): FailureClass | undefined {
  switch (outcome.kind) {
    case "possibly-invalid":
      return POSSIBLY_INVALID[outcome.reason];
    case "internal":
      return INTERNAL[outcome.reason];
    default:
      return undefined;
  }
}

/** One retry for each class of failure. */
export class RetryBudget {
  readonly #spent = new Set<FailureClass>();

  /** Whether there was a retry left for this class. Now there is none. */
  spend(failure: FailureClass): boolean {
    if (this.#spent.has(failure)) return false;
    this.#spent.add(failure);
    return true;
  }
}
