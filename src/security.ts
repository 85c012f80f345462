/** What the walls around a worker were found to hold, and what follows from it. */

/**
 * What this machine was found to do for a host: each is tried by a real worker process when the host starts. What was not
 * tried, or could not be, is `false`.
 *
 * @example Whether a host confines its workers at all
 * ```ts
 * import { NO_SECURITY, type SecurityStatus } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const isConfined = (status: SecurityStatus): boolean => status.canConfineReads && status.canConfineWrites;
 * assertEquals(isConfined(NO_SECURITY), false);
 * ```
 */
export interface SecurityStatus {
  /** Whether the host starts only if nothing is missing that matters. */
  readonly secureMode: boolean;
  /** A worker can read no file, but for what is in its own directory where it executes. */
  readonly canConfineReads: boolean;
  /** A worker can write no file, but for what is in its own directory where it prepares. */
  readonly canConfineWrites: boolean;
  /** A worker can neither connect to anything nor listen on a port of its choice. Only the outer sandbox keeps it from every port. */
  readonly canDenyNetwork: boolean;
  /** A worker can neither start processes nor send signals to any but its own. */
  readonly canDenyProcesses: boolean;
  /** A worker can read neither environment variables nor what tells its machine from another. */
  readonly canDenyEnvironment: boolean;
  /** A worker can import nothing from the net or from a registry: imports are a way out that no permission governs. */
  readonly canDenyImports: boolean;
  /** A worker can leave nothing in the storage of the web, which all workers would share. */
  readonly canDenyStorage: boolean;
  /** A worker can load no native library. */
  readonly canDenyNativeCode: boolean;
  /**
   * A worker is in namespaces of its own, made by the outer sandbox: for it there is no file but its own and no network, process or
   * device, whatever Deno's permissions say.
   */
  readonly canIsolateSystem: boolean;
  /** The kernel bounds a worker's memory, files and core dumps. */
  readonly canBoundResources: boolean;
  /** A thread beside the job runs while the job keeps the main one busy, sees what it uses, and may end the process. */
  readonly canWatchFromInside: boolean;
}

/**
 * One wall of the sandbox.
 *
 * @example
 * ```ts
 * import { NO_SECURITY, type SecurityCapability } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const capability: SecurityCapability = "canDenyNetwork";
 * assertEquals(NO_SECURITY[capability], false);
 * ```
 */
export type SecurityCapability = Exclude<keyof SecurityStatus, "secureMode">;

/**
 * The status of a host that knows nothing: everything is `false`.
 *
 * @example
 * ```ts
 * import { NO_SECURITY } from "@kiln/host";
 * import { assert } from "@std/assert";
 *
 * assert(Object.values(NO_SECURITY).every((value) => value === false));
 * ```
 */
export const NO_SECURITY: SecurityStatus = Object.freeze({
  secureMode: false,
  canConfineReads: false,
  canConfineWrites: false,
  canDenyNetwork: false,
  canDenyProcesses: false,
  canDenyEnvironment: false,
  canDenyImports: false,
  canDenyStorage: false,
  canDenyNativeCode: false,
  canIsolateSystem: false,
  canBoundResources: false,
  canWatchFromInside: false,
});

/**
 * Something that the sandbox was found to lack.
 *
 * @example What a host would warn of
 * ```ts
 * import type { SecurityProblem } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const describe = ({ capability, message }: SecurityProblem): string => `${capability}: ${message}`;
 * const message = "connect to 127.0.0.1:2: found ConnectionRefused, a refusal by Deno wanted";
 * const problem = { capability: "canDenyNetwork", message, remedy: "Use a deno as it was released", tolerated: false } as const;
 * assertEquals(describe(problem), `canDenyNetwork: ${message}`);
 * ```
 */
export interface SecurityProblem {
  /** What is lacking. */
  readonly capability: SecurityCapability;
  /** What was tried and what came of it, or why it could not be tried. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
  /** Whether a host in secure mode starts in spite of it. */
  readonly tolerated: boolean;
}

/** What was found of one capability. */
export interface SecurityFinding {
  /** What was tried, by name. */
  readonly tried: readonly string[];
  /** Why it is not there; `undefined` if it is. */
  readonly fault: string | undefined;
}

/** What was found of each capability. */
export type SecurityFindings = Readonly<Record<SecurityCapability, SecurityFinding>>;

/**
 * How one wall of the sandbox was tested.
 *
 * @example The attempts that were made
 * ```ts
 * import type { SecurityCheck } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const check: SecurityCheck = { capability: "canDenyNativeCode", holds: true, tried: ["load a native library"] };
 * assertEquals(check.tried.length, 1);
 * ```
 */
export interface SecurityCheck {
  /** What was tested. */
  readonly capability: SecurityCapability;
  /** Whether it is there. */
  readonly holds: boolean;
  /** What was tried, by name; none if it could not be tried. */
  readonly tried: readonly string[];
}

/**
 * What was found of the sandbox.
 *
 * @example Whether anything is lacking
 * ```ts
 * import { NO_SECURITY, type SecurityReport } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const isSound = ({ problems }: SecurityReport): boolean => problems.length === 0;
 * assertEquals(isSound({ status: NO_SECURITY, checks: [], problems: [] }), true);
 * ```
 */
export interface SecurityReport {
  /** Which capabilities there are. */
  readonly status: SecurityStatus;
  /** How each of them was tested. */
  readonly checks: readonly SecurityCheck[];
  /** Everything that is lacking. */
  readonly problems: readonly SecurityProblem[];
}

/** Every capability, in the order in which problems are listed. */
export const CAPABILITIES: readonly SecurityCapability[] = [
  "canConfineReads",
  "canConfineWrites",
  "canDenyNetwork",
  "canDenyProcesses",
  "canDenyEnvironment",
  "canDenyImports",
  "canDenyStorage",
  "canDenyNativeCode",
  "canIsolateSystem",
  "canBoundResources",
  "canWatchFromInside",
];

/**
 * What has to be there for secure mode to do without a capability; `"never"` is that nothing makes up for it.
 *
 * - Reads and writes: there is but one wall around files, where upstream has two that make up for each other. A worker that writes
 *   elsewhere could change the cache and the program of every other.
 * - Network: a way out for secrets and a way in for randomness, so that one validator sees what no other does.
 * - Imports: the same, by a way that no permission governs.
 * - Processes and native code: neither knows Deno's permissions, so either is everything else at once.
 * - Storage: what one job leaves, a later one finds. A block could be valid the first time and invalid the second.
 * - Environment: a worker is started with an environment that has nothing in it worth knowing. What little tells about the machine
 *   cannot leave it without network, imports or a process; and a variable that a worker sets reaches nobody but its own children.
 * - Isolation from the system: Deno's permissions are checked in the process that they confine. Whoever breaks out of V8 is past them,
 *   and the outer sandbox is all that is left; nor do they govern graphics devices.
 * - The kernel's bounds: the watchdog holds a worker to narrower ones.
 * - Watching from inside: a worker whose watchdog does not start takes no job.
 */
const NEEDED: Readonly<Record<SecurityCapability, readonly SecurityCapability[] | "never">> = {
  canConfineReads: "never",
  canConfineWrites: "never",
  canDenyNetwork: "never",
  canDenyProcesses: "never",
  canDenyEnvironment: ["canDenyNetwork", "canDenyImports", "canDenyProcesses", "canDenyNativeCode"],
  canDenyImports: "never",
  canDenyStorage: "never",
  canDenyNativeCode: "never",
  canIsolateSystem: "never",
  canBoundResources: ["canWatchFromInside"],
  canWatchFromInside: "never",
};

const DENO = "Use a deno as it was released, of the version that this Kiln was tested with, and no wrapper around it";

const REMEDIES: Readonly<Record<SecurityCapability, string>> = {
  canConfineReads: DENO,
  canConfineWrites: DENO,
  canDenyNetwork: DENO,
  canDenyProcesses: DENO,
  canDenyEnvironment: DENO,
  canDenyImports: `${DENO}; workers need its flags --no-remote and --no-npm`,
  canDenyStorage: `${DENO}; workers need the variable DENO_DIR to lead nowhere`,
  canDenyNativeCode: DENO,
  canIsolateSystem:
    'Install the package bubblewrap (Linux), allow it by --allow-run=/usr/bin/bwrap, and set sandbox: { outer: "auto" }',
  canBoundResources: "Besides bubblewrap, install the package util-linux, whose prlimit is run inside of it",
  canWatchFromInside: "Let a worker process have threads: look for a limit on processes or tasks",
};

/** Whether secure mode does without a capability that is missing from `status`. */
export function isTolerated(capability: SecurityCapability, status: SecurityStatus): boolean {
  const needed = NEEDED[capability];
  return needed !== "never" && needed.every((other) => status[other]);
}

/** What follows from what was found. */
export function assess(findings: SecurityFindings, secureMode: boolean): SecurityReport {
  const checks = CAPABILITIES.map((capability): SecurityCheck => {
    const { tried, fault } = findings[capability];
    return { capability, holds: fault === undefined, tried };
  });
  const found = checks.map(({ capability, holds }) => [capability, holds]);
  const status: SecurityStatus = Object.freeze({ ...NO_SECURITY, secureMode, ...Object.fromEntries(found) });
  const problems = CAPABILITIES.flatMap((capability): SecurityProblem[] => {
    const { fault: message } = findings[capability];
    if (message === undefined) return [];
    return [{ capability, message, remedy: REMEDIES[capability], tolerated: isTolerated(capability, status) }];
  });
  return { status, checks, problems };
}

/** Throws an {@linkcode InsecureError} if secure mode is wanted and something is lacking that it does not do without. */
export function assertSecure({ status, problems }: SecurityReport): void {
  if (status.secureMode && problems.some(({ tolerated }) => !tolerated)) throw new InsecureError(problems);
}

/**
 * A host in secure mode does not start, since its workers would not be confined.
 *
 * @example What an operator would be told
 * ```ts
 * import { InsecureError } from "@kiln/host";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const message = "import from npm: it was let through, a refusal wanted";
 * const remedy = "Use a deno as it was released";
 * const error = new InsecureError([{ capability: "canDenyImports", message, remedy, tolerated: false }]);
 * assertStringIncludes(error.message, "canDenyImports");
 * assertStringIncludes(error.message, "secureMode: false");
 * ```
 */
export class InsecureError extends Error {
  /** The name of the class. */
  override name = "InsecureError";
  /** Everything that is lacking, with what would have been tolerated. */
  readonly problems: readonly SecurityProblem[];

  /** Makes the error of these problems. */
  constructor(problems: readonly SecurityProblem[]) {
    const lines = problems.map((problem) => `\n- ${describe(problem)}`);
    const count = problems.filter(({ tolerated }) => !tolerated).length;
    super(`Cannot start in secure mode: found ${count} of its needs unmet, none wanted${lines.join("")}${OVERRIDE}`);
    this.problems = problems;
  }
}

const OVERRIDE = "\nTo start all the same, where neither keys nor money are at stake, set secureMode: false";

function describe({ capability, message, remedy, tolerated }: SecurityProblem): string {
  return `${capability}${tolerated ? " (optional)" : ""}: ${message}. ${remedy}`;
}
