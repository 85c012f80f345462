/** Executor parameters of every kind, for property tests. */
import * as fc from "fast-check";
import type { ExecutorParams } from "../../src/executor_params.ts";

const MIB = 2 ** 20;
const noNullPrototype = { noNullPrototype: true };

/** A value from one of the ranges, or none. */
function some(least: number, most: number): fc.Arbitrary<number | undefined> {
  return fc.option(fc.maxSafeNat().map((value) => least + value % (most - least + 1)), { nil: undefined });
}

/** Without what is not given: the parameters are compared with `assertEquals`, for which an absent key is not `undefined`. */
function given<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

const timeouts = (short: string, long: string, between: number, most: number) =>
  fc.record({ [short]: some(0, between), [long]: some(between + 1, most) }, noNullPrototype)
    .map(given)
    .map((value) => Object.keys(value).length === 0 ? undefined : value);

/** Parameters that a relay chain accepts, with what is not given left out. */
export const anyParams: fc.Arbitrary<ExecutorParams> = fc.record({
  maxMemoryPages: some(1, 65_536),
  stackLogicalMax: some(1024, 131_072),
  stackNativeMax: some(128 * 131_072, 2 ** 32 - 1),
  precheckingMaxMemoryBytes: some(256 * MIB, 16 * 1024 * MIB),
  // Whatever is given goes together with the other's default.
  prepTimeoutMs: timeouts("precheck", "prepare", 100_000, Number.MAX_SAFE_INTEGER),
  execTimeoutMs: timeouts("backing", "approval", 5_000, Number.MAX_SAFE_INTEGER),
  wasmExtBulkMemory: fc.constantFrom(true, undefined),
}, noNullPrototype).map(given) as fc.Arbitrary<ExecutorParams>;
