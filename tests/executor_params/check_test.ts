import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { checkExecutorParams, type ExecutorParams, ExecutorParamsError } from "../../src/executor_params.ts";
import { anyParams } from "./arbitrary.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const U64 = Number.MAX_SAFE_INTEGER;

/** Each parameter's range, and a value that others need so that only the range is tested. */
const RANGES: [name: string, least: number, most: number, make: (value: number) => ExecutorParams][] = [
  ["maxMemoryPages", 1, 65_536, (maxMemoryPages) => ({ maxMemoryPages })],
  ["stackLogicalMax", 1024, 131_072, (stackLogicalMax) => ({ stackLogicalMax })],
  ["stackNativeMax", 128 * 65_536, 2 ** 32 - 1, (stackNativeMax) => ({ stackNativeMax })],
  ["precheckingMaxMemoryBytes", 256 * MIB, 16 * GIB, (bytes) => ({ precheckingMaxMemoryBytes: bytes })],
  ["prepTimeoutMs.precheck", 0, 359_999, (precheck) => ({ prepTimeoutMs: { precheck } })],
  ["prepTimeoutMs.prepare", 60_001, U64, (prepare) => ({ prepTimeoutMs: { prepare } })],
  ["execTimeoutMs.backing", 0, 11_999, (backing) => ({ execTimeoutMs: { backing } })],
  ["execTimeoutMs.approval", 2_001, U64, (approval) => ({ execTimeoutMs: { approval } })],
];

for (const [name, least, most, make] of RANGES) {
  Deno.test(`${name} may be from ${least} to ${most}, where nothing else is given`, () => {
    for (const value of [least, least + 1, most - 1, most]) checkExecutorParams(make(value));
    for (const value of [least - 1, most + 1, -1, 1024.5, NaN, Infinity]) {
      const error = assertThrows(() => checkExecutorParams(make(value)), ExecutorParamsError, `${name} ${value}`);
      assert(error.params.includes(name), error.message);
    }
  });
}

const REFUSED: [params: ExecutorParams, kind: string, names: string[], message: string][] = [
  [
    { maxMemoryPages: 0 },
    "OutsideLimit",
    ["maxMemoryPages"],
    "Cannot use maxMemoryPages 0: a whole number from 1 to 65536 wanted",
  ],
  [
    { precheckingMaxMemoryBytes: 1 },
    "OutsideLimit",
    ["precheckingMaxMemoryBytes"],
    "Cannot use precheckingMaxMemoryBytes 1: a whole number from 268435456 to 17179869184 wanted",
  ],
  [
    { stackNativeMax: 8_388_607 },
    "IncompatibleValues",
    ["stackNativeMax", "stackLogicalMax"],
    "Cannot use stackNativeMax 8388607 with stackLogicalMax 65536 (the default): at least 8388608 wanted",
  ],
  [
    { stackLogicalMax: 2_000, stackNativeMax: 255_999 },
    "IncompatibleValues",
    ["stackNativeMax", "stackLogicalMax"],
    "Cannot use stackNativeMax 255999 with stackLogicalMax 2000: at least 256000 wanted",
  ],
  [
    { prepTimeoutMs: { precheck: 360_000 } },
    "IncompatibleValues",
    ["prepTimeoutMs.precheck", "prepTimeoutMs.prepare"],
    "Cannot use prepTimeoutMs.precheck 360000 with prepTimeoutMs.prepare 360000 (the default): less than 360000 wanted",
  ],
  [
    { prepTimeoutMs: { prepare: 60_000 } },
    "IncompatibleValues",
    ["prepTimeoutMs.precheck", "prepTimeoutMs.prepare"],
    "Cannot use prepTimeoutMs.precheck 60000 (the default) with prepTimeoutMs.prepare 60000: less than 60000 wanted",
  ],
  [
    { execTimeoutMs: { backing: 5, approval: 5 } },
    "IncompatibleValues",
    ["execTimeoutMs.backing", "execTimeoutMs.approval"],
    "Cannot use execTimeoutMs.backing 5 with execTimeoutMs.approval 5: less than 5 wanted",
  ],
];

for (const [params, kind, names, message] of REFUSED) {
  Deno.test(`checkExecutorParams() refuses ${JSON.stringify(params)}`, () => {
    const error = assertThrows(() => checkExecutorParams(params), ExecutorParamsError);
    assertEquals([error.kind, error.params, error.message], [kind, names, message]);
    assert(error instanceof RangeError);
  });
}

Deno.test("both of a pair may be other than their defaults allow alone", () => {
  checkExecutorParams({ stackLogicalMax: 1024, stackNativeMax: 131_072 });
  checkExecutorParams({ prepTimeoutMs: { precheck: 400_000, prepare: 400_001 } });
  checkExecutorParams({ execTimeoutMs: { backing: 20_000, approval: 20_001 } });
});

Deno.test("the native stack's default is enough for every logical stack", () => {
  checkExecutorParams({ stackLogicalMax: 131_072 });
});

Deno.test("wasmExtBulkMemory is true or false, and no text that looks so", () => {
  for (const wasmExtBulkMemory of [true, false]) checkExecutorParams({ wasmExtBulkMemory });
  for (const value of ["false", 0, null]) {
    const params = { wasmExtBulkMemory: value } as unknown as ExecutorParams;
    const error = assertThrows(() => checkExecutorParams(params), ExecutorParamsError, "true or false wanted");
    assertEquals(error.kind, "OutsideLimit");
  }
});

Deno.test("a parameter that is given as undefined is not given", () => {
  checkExecutorParams(
    { maxMemoryPages: undefined, prepTimeoutMs: { precheck: undefined } } as unknown as ExecutorParams,
  );
});

Deno.test("any parameters that keep to the rules are accepted", () => {
  fc.assert(fc.property(anyParams, (params) => checkExecutorParams(params)));
});
