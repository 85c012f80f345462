/** Executor parameters as the list of those that are given, and back. */
import type { ExecutorParams } from "./executor_params.ts";
import { type Param, PARAMS } from "./param_table.ts";

/** A parameter with its value. */
export type ParamValue = readonly [Param, number];

/** The parameters that are given, in the order of their indices. */
export function valuesOf(params: ExecutorParams): ParamValue[] {
  return PARAMS.flatMap((param): ParamValue[] => {
    const value = param.get(params);
    return value === undefined ? [] : [[param, value]];
  });
}

/** The parameters that a list gives. */
export function fromValues(values: readonly ParamValue[]): ExecutorParams {
  return values.reduce<ExecutorParams>((params, [param, value]) => param.with(params, value), {});
}

/** A copy that nobody can change, of what is given and nothing else. */
export function frozenExecutorParams(params: ExecutorParams): ExecutorParams {
  const copy = fromValues(valuesOf(params));
  for (const timeouts of [copy.prepTimeoutMs, copy.execTimeoutMs]) Object.freeze(timeouts);
  return Object.freeze(copy);
}
