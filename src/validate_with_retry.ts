/** What a validator does with an outcome that may be its own machine's fault: it tries again, as long as there is time. */
import { delay } from "@std/async/delay";
import type { Pvf } from "./pvf.ts";
import type { RetryHost, ValidateOptions, ValidateResult } from "./validate_types.ts";
import { type RetryClock, Validation } from "./validation.ts";

const CLOCK: RetryClock = {
  now: () => performance.now(),
  delay: (ms, signal) => delay(ms, signal ? { signal } : {}),
};

/**
 * Executes code, and once more where the failure may have been this machine's. For approvals and disputes there is one retry for each
 * class of failure:
 *
 * - death: the worker was lost (`ambiguous-job-death`, `ambiguous-worker-death`, `malformed-answer`, `wall-clock-timeout`,
 *   `could-not-clear-worker-dir`), or memory or room was short (`resources-exhausted`, `memory-limit`, `directory-limit`)
 * - job error: `job-error`
 * - internal: every `internal` outcome but `unsupported`, which no retry would change
 * - execution error: the artifact could not be used (`runtime-construction`, `corrupted-artifact`). It is prepared anew by a precheck,
 *   whose failure is the result, and then tried again at once
 *
 * Nothing is tried again once the time since the call and `retryDelayMs` together exceed `timeoutMs`; a retry may take the CPU time
 * that is left, and one that takes longer proves nothing against the block: the outcome before it then stands, unlike upstream's. An
 * outcome that says who is to blame is final, and so is each outcome for backing.
 *
 * Requires no permission but those of the host.
 *
 * @param host A `ValidationHost`
 * @param pvf The code
 * @param options Parameters, what the execution is for, and its time
 * @returns The last outcome, and what was tried
 * @throws {RangeError | TypeError} An option cannot be used
 * @throws {QueueFullError} The host has no room for the job
 * @throws {HostClosedError} The host is closed, or was closed meanwhile
 *
 * @example
 * ```ts
 * import { Pvf, validateWithRetry, ValidationHost } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * const pvf = await Pvf.fromCode(new TextEncoder().encode("not WebAssembly"));
 * const { outcome, attempts } = await validateWithRetry(host, pvf, {
 *   params: new Uint8Array(),
 *   executionClass: "approval",
 *   timeoutMs: 12_000,
 * });
 * assertEquals([outcome.kind, attempts.length], ["preparation", 1]);
 * ```
 */
export async function validateWithRetry(host: RetryHost, pvf: Pvf, options: ValidateOptions): Promise<ValidateResult> {
  return await new Validation(CLOCK, host, pvf, options).run();
}
