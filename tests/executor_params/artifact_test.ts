/** What executor params change about artifacts, and whether their prep hash says so. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import * as fc from "fast-check";
import { WasmCrypto } from "../../src/crypto/wasm_crypto.ts";
import { PrepareFailure } from "../../src/engine/engine.ts";
import { engine } from "../../src/engine/pvf/pvf_engine.ts";
import { type ExecutorParams, memoryLimitPages, prepHash } from "../../src/executor_params.ts";
import { Pvf } from "../../src/pvf.ts";
import { wasmBytes } from "../testdata.ts";
import { buildModule, limits, OP, RESULT, sized } from "../engine/pvf/wasm_builder.ts";
import { anyParams } from "./arbitrary.ts";

const crypto = new WasmCrypto(wasmBytes);
const FILL = [OP.i32Const, 0, OP.i32Const, 0, OP.i32Const, 0, 0xfc, 11, 0, OP.i64Const, 0];

/** Code on which every param shows that an engine can follow: among them some that one value allows and another does not. */
const CODES = [
  buildModule(),
  buildModule({ memories: [limits(1000, 3000)] }),
  buildModule({ bodies: [FILL] }),
  buildModule({ data: [[1, ...sized(RESULT)]] }),
];

/** The artifact of each code, or why there is none. It is prepared as a host does it, with what it takes from a PVF. */
async function outcomes(executorParams: ExecutorParams): Promise<string[]> {
  return await Promise.all(CODES.map(async (code) => {
    const { maxMemoryPages, executorParams: { wasmExtBulkMemory = false } } = await Pvf.fromCode(code, {
      executorParams,
    });
    const limits = { maxMemoryPages, wasmExtBulkMemory, codeBombLimitBytes: 2 ** 20 };
    try {
      return (await engine.prepare({ code, kind: "compile", ...limits }, { crypto })).artifact.toHex();
    } catch (error) {
      if (error instanceof PrepareFailure) return error.message;
      throw error;
    }
  }));
}

const prep = (params: ExecutorParams) => prepHash(params, crypto).toHex();

Deno.test("9.10: params with the same prep hash make the same artifacts, bit by bit", async () => {
  // Two sets of params that differ in nothing that counts, so that their hashes are the same in every run.
  const pairs = fc.tuple(anyParams, anyParams).map(([one, other]) => {
    const { maxMemoryPages: _pages, stackLogicalMax: _stack, wasmExtBulkMemory: _bulk, ...rest } = other;
    const { maxMemoryPages, stackLogicalMax, wasmExtBulkMemory } = one;
    const counting = Object.entries({ maxMemoryPages, stackLogicalMax, wasmExtBulkMemory });
    return [one, { ...rest, ...Object.fromEntries(counting.filter(([, value]) => value !== undefined)) }] as const;
  });
  await fc.assert(
    fc.asyncProperty(pairs, async ([one, other]) => {
      assertEquals(prep(one), prep(other));
      assertEquals(await outcomes(one), await outcomes(other));
    }),
    { numRuns: 30 },
  );
});

/**
 * The way back holds as far as the engine has what the params are about. Where it has not, artifacts differ in their hash alone: V8
 * counts no values on the stack; to give the default is no change; and 32 more pages than can be addressed are as good as none.
 */
Deno.test("9.10: toggling a param changes the artifact bytes iff it changes the prep hash, as far as the engine follows", async () => {
  const followed = (params: ExecutorParams) => [memoryLimitPages(params), params.wasmExtBulkMemory === true];
  await fc.assert(
    fc.asyncProperty(anyParams, anyParams, async (one, other) => {
      const same = JSON.stringify(followed(one)) === JSON.stringify(followed(other));
      const [first, second] = [await outcomes(one), await outcomes(other)];
      assertEquals(JSON.stringify(first) === JSON.stringify(second), same);
      if (!same) assertNotEquals(prep(one), prep(other));
    }),
    { numRuns: 30 },
  );
});

const TOGGLES: [param: string, toggled: ExecutorParams, changesBytes: boolean][] = [
  ["maxMemoryPages", { maxMemoryPages: 2049 }, true],
  ["stackLogicalMax", { stackLogicalMax: 65_535 }, false],
  ["stackNativeMax", { stackNativeMax: 2 ** 29 }, false],
  ["precheckingMaxMemoryBytes", { precheckingMaxMemoryBytes: 2 ** 30 }, false],
  ["prepTimeoutMs.precheck", { prepTimeoutMs: { precheck: 1 } }, false],
  ["prepTimeoutMs.prepare", { prepTimeoutMs: { prepare: 500_000 } }, false],
  ["execTimeoutMs.backing", { execTimeoutMs: { backing: 1 } }, false],
  ["execTimeoutMs.approval", { execTimeoutMs: { approval: 15_000 } }, false],
  ["wasmExtBulkMemory", { wasmExtBulkMemory: true }, true],
];
for (const [param, toggled, changesBytes] of TOGGLES) {
  Deno.test(`${param} ${changesBytes ? "changes" : "does not change"} what is prepared`, async () => {
    const changed = JSON.stringify(await outcomes(toggled)) !== JSON.stringify(await outcomes({}));
    assertEquals(changed, changesBytes);
    // The one that V8 does not follow is in the hash all the same: upstream's artifact depends on it.
    assert(param === "stackLogicalMax" || changesBytes === (prep(toggled) !== prep({})));
  });
}
