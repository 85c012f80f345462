/**
 * Kiln is a validation host: it takes untrusted code (a PVF: a parachain validation function in WebAssembly), prepares it once in a
 * sandboxed worker process, keeps the result as an artifact on disk, and executes it many times in sandboxed workers. Every request
 * ends in a clear verdict that says who is to blame.
 *
 * ```ts
 * import { decodeValidationResult, Pvf, ValidationHost } from "@kiln/host";
 *
 * async function validate(code: Uint8Array, params: Uint8Array): Promise<void> {
 *   await using host = await ValidationHost.start({ cachePath: "./pvf-artifacts" });
 *   const pvf = await Pvf.fromCode(code);
 *   const outcome = await host.execute(pvf, { params, timeoutMs: 2_000 });
 *   if (outcome.kind === "valid") console.log(decodeValidationResult(outcome.result).headData);
 *   else console.log(outcome.kind, outcome.reason, outcome.message);
 * }
 * ```
 *
 * A host needs three grants, and its workers have less than it: `--allow-read=./pvf-artifacts --allow-write=./pvf-artifacts
 * --allow-run=PATH_OF_DENO`.
 *
 * @module
 */
export type { ExecutorParams } from "./src/executor_params.ts";
export {
  type CloseOptions,
  type ExecuteOptions,
  HostClosedError,
  type PrecheckOptions,
  ValidationHost,
} from "./src/host.ts";
export type { HostOptions } from "./src/options.ts";
export {
  type ExecuteOutcome,
  type InternalOutcome,
  type InvalidOutcome,
  isDeterministic,
  type LogEntry,
  mayRetry,
  type PossiblyInvalidOutcome,
  type PrecheckFailed,
  type PrecheckOutcome,
  type PrecheckPrepared,
  type PreparationOutcome,
  type PrepareError,
  type PrepareErrorKind,
  type PrepareStats,
  type ValidOutcome,
} from "./src/outcome.ts";
export { Pvf, type PvfOptions } from "./src/pvf.ts";
