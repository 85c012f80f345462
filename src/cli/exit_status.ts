/** Exit statuses of the command. */
import type { ExecuteOutcome } from "../execute_outcome.ts";
import type { PrecheckOutcome } from "../precheck_outcome.ts";
import { isDeterministic } from "../prepare_error.ts";

/** Everything asked for was done, and every verdict is good. */
export const OK = 0;
/** A verdict against, or a sandbox that secure mode would not do with. */
export const AGAINST = 1;
/** The command was not called as it should be, or an input cannot be read. */
export const USAGE = 2;
/** The host or its machine failed, so there is no verdict. */
export const INTERNAL = 3;
/** A job took longer than it may. */
export const TIMEOUT = 124;
/** Interrupted. */
export const INTERRUPTED = 130;

/** From the least to the most that a script has to know of. */
const BY_WEIGHT = [OK, AGAINST, TIMEOUT, USAGE, INTERNAL];

/** The status of a call that did several things. */
export function heaviest(statuses: Iterable<number>): number {
  let found = 0;
  for (const status of statuses) found = Math.max(found, BY_WEIGHT.indexOf(status));
  return BY_WEIGHT[found] ?? INTERNAL;
}

/** The status of an execution. */
export function ofExecution(outcome: ExecuteOutcome): number {
  switch (outcome.kind) {
    case "valid":
      return OK;
    case "internal":
      return INTERNAL;
    case "preparation":
    case "execution-deadline":
      return AGAINST;
    default:
      return outcome.reason === "hard-timeout" || outcome.reason === "wall-clock-timeout" ? TIMEOUT : AGAINST;
  }
}

/** The status of a precheck. */
export function ofPrecheck(outcome: PrecheckOutcome): number {
  if (outcome.kind === "prepared") return OK;
  if (outcome.error.kind === "timed-out") return TIMEOUT;
  // Pre-checkers vote against code that cannot be instantiated, although only they themselves may be unable to.
  return isDeterministic(outcome.error) || outcome.error.kind === "runtime-construction" ? AGAINST : INTERNAL;
}
