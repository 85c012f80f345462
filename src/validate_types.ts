/** What is said of and to an execution that is tried again. */
import type { ExecuteOutcome } from "./execute_outcome.ts";
import type { PrecheckOutcome } from "./precheck_outcome.ts";
import type { Pvf } from "./pvf.ts";
import type { ExecutionClass } from "./queue/fairness.ts";

/**
 * What `validateWithRetry` needs of a host.
 *
 * @example A host that is made up
 * ```ts
 * import { Pvf, type RetryHost, validateWithRetry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const error = { kind: "spawn", message: "no worker" } as const;
 * const host: RetryHost = {
 *   precheck: ({ codeHash }) => Promise.resolve({ kind: "failed", codeHash, error }),
 *   execute: () => Promise.resolve({ kind: "invalid", reason: "hard-timeout", message: "12 s", log: [] }),
 * };
 * const options = { params: new Uint8Array(), executionClass: "approval", timeoutMs: 12_000 } as const;
 * const { attempts } = await validateWithRetry(host, await Pvf.fromCode(new Uint8Array()), options);
 * assertEquals(attempts.length, 1);
 * ```
 */
export interface RetryHost {
  /**
   * Whether code can be prepared. It prepares an artifact that was removed anew.
   *
   * @param pvf The code
   * @param options What ends the waiting
   * @returns What was found
   */
  precheck(pvf: Pvf, options: { readonly signal?: AbortSignal }): Promise<PrecheckOutcome>;
  /**
   * Executes code once.
   *
   * @param pvf The code
   * @param options Parameters, what the execution is for, its CPU time in milliseconds, its relay parent, what ends it
   * @returns The verdict
   */
  execute(
    pvf: Pvf,
    options: {
      readonly params: Uint8Array;
      readonly executionClass: ExecutionClass;
      readonly timeoutMs: number;
      readonly relayParent?: string;
      readonly signal?: AbortSignal;
    },
  ): Promise<ExecuteOutcome>;
}

/**
 * Options of `validateWithRetry`.
 *
 * @example What an approval checker may take
 * ```ts
 * import type { ValidateOptions } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const options: ValidateOptions = { params: new Uint8Array(), executionClass: "approval", timeoutMs: 12_000 };
 * assertEquals(options.retryDelayMs ?? 3_000, 3_000);
 * ```
 */
export interface ValidateOptions {
  /** The bytes that the code is given: for a PVF, SCALE-encoded `ValidationParams`. At most 64 MiB. */
  readonly params: Uint8Array;
  /** What the execution is for. For backing there is one attempt only: a block that is valid but sometimes must not be backed. */
  readonly executionClass: ExecutionClass;
  /**
   * The CPU time that the execution may take, in milliseconds, and at once the wall-clock time up to which it is tried again. It
   * does not cut an attempt short that waits or prepares.
   */
  readonly timeoutMs: number;
  /**
   * The hash of the relay chain block that a backing job builds on, which the host is told with every attempt.
   *
   * @default The job never comes too late
   */
  readonly relayParent?: string;
  /** Ends everything: the attempt that runs, or the waiting between two. The call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * How long to wait before a retry, in milliseconds.
   *
   * @default {3000}
   */
  readonly retryDelayMs?: number;
}

/**
 * One attempt of `validateWithRetry`.
 *
 * @example Which attempts failed, and when
 * ```ts
 * import type { ValidateAttempt } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const describe = ({ outcome, startedAtMs }: ValidateAttempt): string => `${startedAtMs} ms: ${outcome.kind}`;
 * const outcome = { kind: "internal", reason: "spawn", message: "no worker", log: [] } as const;
 * assertEquals(describe({ outcome, startedAtMs: 0, timeoutMs: 12_000 }), "0 ms: internal");
 * ```
 */
export interface ValidateAttempt {
  /** What came of it. */
  readonly outcome: ExecuteOutcome;
  /** When it was begun, in milliseconds after the call. */
  readonly startedAtMs: number;
  /**
   * The CPU time that it could take, in milliseconds: what was left of the whole. A `hard-timeout` of a later attempt says no more than
   * that this was exceeded.
   */
  readonly timeoutMs: number;
}

/**
 * What `validateWithRetry` found.
 *
 * @example A verdict that took two attempts
 * ```ts
 * import type { ValidateResult } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const died = { kind: "possibly-invalid", reason: "ambiguous-job-death", message: "SIGKILL", log: [] } as const;
 * const trap = { kind: "invalid", reason: "worker-reported-invalid", message: "unreachable", log: [] } as const;
 * const result: ValidateResult = {
 *   outcome: trap,
 *   attempts: [
 *     { outcome: died, startedAtMs: 0, timeoutMs: 12_000 },
 *     { outcome: trap, startedAtMs: 3_120, timeoutMs: 8_880 },
 *   ],
 * };
 * assertEquals(result.attempts.at(-1)?.outcome, result.outcome);
 * ```
 */
export interface ValidateResult {
  /** The verdict: that of the last attempt. */
  readonly outcome: ExecuteOutcome;
  /** What was tried, first to last, at least one. A new preparation is among them if it failed, and so ended it all. */
  readonly attempts: readonly ValidateAttempt[];
}
