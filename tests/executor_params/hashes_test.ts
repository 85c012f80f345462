import { assertEquals, assertNotEquals } from "@std/assert";
import * as fc from "fast-check";
import { WasmCrypto } from "../../src/crypto/wasm_crypto.ts";
import { encodeExecutorParams, type ExecutorParams, paramsHash, prepHash } from "../../src/executor_params.ts";
import { wasmBytes } from "../testdata.ts";
import { anyParams } from "./arbitrary.ts";

const crypto = new WasmCrypto(wasmBytes);
const full = (params: ExecutorParams) => paramsHash(params, crypto).toHex();
const prep = (params: ExecutorParams) => prepHash(params, crypto).toHex();

/** Two values of each param, and whether the prep hash follows it (section 2.8 of the spec). */
const PARAMS: [name: string, inPrepHash: boolean, one: ExecutorParams, other: ExecutorParams][] = [
  ["MaxMemoryPages", true, { maxMemoryPages: 1 }, { maxMemoryPages: 2 }],
  ["StackLogicalMax", true, { stackLogicalMax: 1024 }, { stackLogicalMax: 1025 }],
  ["StackNativeMax", false, { stackNativeMax: 2 ** 25 }, { stackNativeMax: 2 ** 26 }],
  [
    "PrecheckingMaxMemory",
    false,
    { precheckingMaxMemoryBytes: 2 ** 28 },
    { precheckingMaxMemoryBytes: 2 ** 29 },
  ],
  ["PvfPrepTimeout(Precheck)", false, { prepTimeoutMs: { precheck: 1 } }, { prepTimeoutMs: { precheck: 2 } }],
  [
    "PvfPrepTimeout(Prepare)",
    false,
    { prepTimeoutMs: { prepare: 70_000 } },
    { prepTimeoutMs: { prepare: 80_000 } },
  ],
  ["PvfExecTimeout(Backing)", false, { execTimeoutMs: { backing: 1 } }, { execTimeoutMs: { backing: 2 } }],
  [
    "PvfExecTimeout(Approval)",
    false,
    { execTimeoutMs: { approval: 5_000 } },
    { execTimeoutMs: { approval: 6_000 } },
  ],
  ["WasmExtBulkMemory", true, {}, { wasmExtBulkMemory: true }],
];

for (const [name, inPrepHash, one, other] of PARAMS) {
  Deno.test(`9.10: the prep hash ${inPrepHash ? "changes" : "does not change"} with ${name}`, () => {
    assertNotEquals(full(one), full(other));
    assertEquals(prep(one) !== prep(other), inPrepHash);
    assertEquals(prep({}) !== prep(other), inPrepHash, "giving it at all counts as a change of it");
  });
}

Deno.test("the hash of all params is that of the encoded list, with its length", () => {
  fc.assert(fc.property(anyParams, (params) => {
    assertEquals(full(params), crypto.blake2b(encodeExecutorParams(params), 32).toHex());
  }));
});

Deno.test("the prep hash is that of a tag and the params that count, without a length", () => {
  const params = {
    wasmExtBulkMemory: true,
    stackLogicalMax: 1024,
    maxMemoryPages: 1,
    stackNativeMax: 2 ** 30,
    execTimeoutMs: { backing: 1 },
  };
  const hashed = [...new TextEncoder().encode("prep"), 1, 1, 0, 0, 0, 2, 0, 4, 0, 0, 7];
  assertEquals(prep(params), crypto.blake2b(Uint8Array.from(hashed), 32).toHex());
});

Deno.test("the order in which an object names its params does not count", () => {
  const one = { maxMemoryPages: 5, stackLogicalMax: 2_000, wasmExtBulkMemory: true };
  const other = { wasmExtBulkMemory: true, stackLogicalMax: 2_000, maxMemoryPages: 5 };
  assertEquals([full(one), prep(one)], [full(other), prep(other)]);
});

Deno.test("hashes are the same exactly where what they are of is", () => {
  fc.assert(fc.property(anyParams, anyParams, (one, other) => {
    const relevant = ({ maxMemoryPages, stackLogicalMax, wasmExtBulkMemory }: ExecutorParams) =>
      JSON.stringify([maxMemoryPages, stackLogicalMax, wasmExtBulkMemory]);
    assertEquals(prep(one) === prep(other), relevant(one) === relevant(other));
    assertEquals(full(one) === full(other), encodeExecutorParams(one).toHex() === encodeExecutorParams(other).toHex());
  }));
});
