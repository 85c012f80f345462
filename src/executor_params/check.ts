/** The rules that a relay chain's runtime holds executor parameters to. */
import type { ExecutorParams } from "./executor_params.ts";
import { ExecutorParamsError } from "./executor_params_error.ts";
import {
  approvalTimeout,
  backingTimeout,
  type Param,
  PARAMS,
  precheckTimeout,
  prepareTimeout,
  stackLogicalMax,
  stackNativeMax,
} from "./param_table.ts";

/** How many bytes of the machine's stack one value of WebAssembly's may take. */
const BYTES_PER_VALUE = 128;

/** Throws {@linkcode ExecutorParamsError} for parameters that no relay chain would accept. */
export function checkExecutorParams(params: ExecutorParams): void {
  for (const param of PARAMS) checkRange(param, param.get(params));
  checkBoolean(params.wasmExtBulkMemory);
  checkStacks(params);
  checkLess(params, precheckTimeout, prepareTimeout);
  checkLess(params, backingTimeout, approvalTimeout);
}

function checkRange({ name, least, most }: Param, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  const problem = `Cannot use ${name} ${value}: a whole number from ${least} to ${most} wanted`;
  throw new ExecutorParamsError("OutsideLimit", [name], problem);
}

/** Anything else would be taken for `true`, also the text "false". */
function checkBoolean(value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  const problem = `Cannot use wasmExtBulkMemory ${value}: true or false wanted`;
  throw new ExecutorParamsError("OutsideLimit", ["wasmExtBulkMemory"], problem);
}

/** The count of values has to be reached first: where the machine's stack ends differs between machines. */
function checkStacks(params: ExecutorParams): void {
  const least = BYTES_PER_VALUE * valueOf(params, stackLogicalMax);
  if (valueOf(params, stackNativeMax) >= least) return;
  throw incompatible(params, [stackNativeMax, stackLogicalMax], `at least ${least}`);
}

function checkLess(params: ExecutorParams, one: Param, other: Param): void {
  if (valueOf(params, one) < valueOf(params, other)) return;
  throw incompatible(params, [one, other], `less than ${valueOf(params, other)}`);
}

function valueOf(params: ExecutorParams, { get, defaultValue = 0 }: Param): number {
  return get(params) ?? defaultValue;
}

function incompatible(params: ExecutorParams, pair: readonly [Param, Param], wanted: string): ExecutorParamsError {
  const [one, other] = pair.map((param) => {
    const isDefault = param.get(params) === undefined;
    return `${param.name} ${valueOf(params, param)}${isDefault ? " (the default)" : ""}`;
  });
  const problem = `Cannot use ${one} with ${other}: ${wanted} wanted`;
  return new ExecutorParamsError("IncompatibleValues", pair.map(({ name }) => name), problem);
}
