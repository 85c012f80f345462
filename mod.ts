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
export {
  decodeExecutorParams,
  encodeExecutorParams,
  type ExecutorParams,
  ExecutorParamsError,
  type ExecutorParamsErrorKind,
} from "./src/executor_params.ts";
export type { ActivatedLeaf, ActiveLeavesUpdate } from "./src/active_leaves.ts";
export type { CloseOptions, ExecuteOptions, PrecheckOptions } from "./src/call_options.ts";
export { type ArtifactsView, HostClosedError, ValidationHost } from "./src/host.ts";
export type { HostSnapshot } from "./src/host_snapshot.ts";
export { EXECUTION_CLASSES, type ExecutionClass } from "./src/queue/fairness.ts";
export { QueueFullError } from "./src/queue/schedule.ts";
export type { WorkerCounts } from "./src/queue/worker_queue.ts";
export type { HostOptions } from "./src/options.ts";
export type { SandboxOptions } from "./src/sandbox_options.ts";
export { OuterSandboxError } from "./src/worker_process/outer_sandbox.ts";
export type { WorkerLimits } from "./src/worker_limits.ts";
export {
  type DeadlineOutcome,
  type ExecuteOutcome,
  type InternalOutcome,
  type InvalidOutcome,
  type LogEntry,
  mayRetry,
  type PossiblyInvalidOutcome,
  type PreparationOutcome,
  type ValidOutcome,
} from "./src/execute_outcome.ts";
export { type CounterName, type HistogramName, type MetricLabels, type Metrics, NO_METRICS } from "./src/metrics.ts";
export { MetricsRegistry } from "./src/metrics/metrics_registry.ts";
export type { CounterSample, HistogramSample, MetricsSnapshot } from "./src/metrics/samples.ts";
export type { PrecheckFailed, PrecheckOutcome, PrecheckPrepared } from "./src/precheck_outcome.ts";
export { isDeterministic, type PrepareError, type PrepareErrorKind, type PrepareStats } from "./src/prepare_error.ts";
export { Pvf, type PvfOptions } from "./src/pvf.ts";
export type {
  ArtifactFile,
  ArtifactId,
  ArtifactState,
  FailedArtifact,
  PreparedArtifact,
  PrepareLimits,
  PreparingArtifact,
} from "./src/registry/artifact.ts";
export type { CleanUpFailure, CleanUpReport } from "./src/registry/clean_up.ts";
export { CacheLockedError } from "./src/registry/lock.ts";
export type { DirectoryPrefix } from "./src/registry/names.ts";
export { type AnnouncedFile, type PublishedFile, PublishError } from "./src/registry/publish.ts";
export { ArtifactRegistry, type RemovedArtifact } from "./src/registry/registry.ts";
export type { ArtifactRegistryOptions } from "./src/registry/registry_options.ts";
export {
  InsecureError,
  NO_SECURITY,
  type SecurityCapability,
  type SecurityCheck,
  type SecurityProblem,
  type SecurityReport,
  type SecurityStatus,
} from "./src/security.ts";
export type { RetryHost, ValidateAttempt, ValidateOptions, ValidateResult } from "./src/validate_types.ts";
export { validateWithRetry } from "./src/validate_with_retry.ts";
export { ScaleError } from "./src/protocol/scale.ts";
export {
  decodeValidationParams,
  decodeValidationResult,
  encodeValidationParams,
  encodeValidationResult,
  type OutboundHrmpMessage,
  type ValidationParams,
  type ValidationResult,
} from "./src/protocol/validation_data.ts";
