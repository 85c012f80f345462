import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { frozenExecutorParams } from "../../src/executor_params.ts";
import { fromValues, valuesOf } from "../../src/executor_params/values.ts";
import { anyParams } from "./arbitrary.ts";

Deno.test("params are what the list of them gives", () => {
  fc.assert(fc.property(anyParams, (params) => assertEquals(fromValues(valuesOf(params)), params)));
});

Deno.test("a frozen copy holds what is given, and nothing else, and cannot be changed", () => {
  const given = {
    maxMemoryPages: 1,
    prepTimeoutMs: {},
    execTimeoutMs: { backing: 5 },
    wasmExtBulkMemory: false,
    more: 1,
  };
  const copy = frozenExecutorParams(given);
  assertEquals(copy, { maxMemoryPages: 1, execTimeoutMs: { backing: 5 } });
  assert(Object.isFrozen(copy));
  assertThrows(() => Object.assign(copy.execTimeoutMs ?? {}, { backing: 6 }), TypeError);
  given.execTimeoutMs.backing = 7;
  assertEquals(copy.execTimeoutMs?.backing, 5);
});
