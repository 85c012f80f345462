/** The parameters that a relay chain sets for all preparations and executions. Each part has a file of its own; this one names them. */
export { checkExecutorParams } from "./executor_params/check.ts";
export { decodeExecutorParams, encodeExecutorParams } from "./executor_params/encoding.ts";
export type { ExecutorParams } from "./executor_params/executor_params.ts";
export { ExecutorParamsError, type ExecutorParamsErrorKind } from "./executor_params/executor_params_error.ts";
export { paramsHash, prepHash } from "./executor_params/hashes.ts";
export { memoryLimitPages } from "./executor_params/memory_limit.ts";
export { execTimeoutMs, prepTimeoutMs } from "./executor_params/timeouts.ts";
export { frozenExecutorParams } from "./executor_params/values.ts";
