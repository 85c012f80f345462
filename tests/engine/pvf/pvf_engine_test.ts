import { assertEquals, assertRejects } from "@std/assert";
import { zstdCompressSync } from "node:zlib";
import { WasmCrypto } from "../../../src/crypto/wasm_crypto.ts";
import { type PreparedCode, PrepareFailure, type PrepareInput } from "../../../src/engine/engine.ts";
import { engine } from "../../../src/engine/pvf/pvf_engine.ts";
import { caseParams, caseResult, pvfCode, wasmBytes } from "../../testdata.ts";
import { buildModule, limits, OP, RESULT, sized, sleb } from "./wasm_builder.ts";

const SERVICES = { crypto: new WasmCrypto(wasmBytes) };
const KINDS = ["precheck", "compile"] as const;

async function prepare(code: Uint8Array, input: Partial<PrepareInput> = {}): Promise<PreparedCode> {
  return await engine.prepare(
    { code, kind: "precheck", maxMemoryPages: 2080, wasmExtBulkMemory: false, codeBombLimitBytes: 12 << 20, ...input },
    SERVICES,
  );
}

async function assertFails(code: Uint8Array, kind: string, message: string, input?: Partial<PrepareInput>) {
  const error = await assertRejects(() => prepare(code, input), PrepareFailure, message);
  assertEquals(error.kind, kind);
}

Deno.test("prepare() makes an artifact of a real PVF that load() and run() take", async () => {
  for (const kind of KINDS) {
    const { artifact, decompressedBytes } = await prepare(await pvfCode(), { kind });
    assertEquals(decompressedBytes, 2_481_751);
    const pvf = await engine.load(artifact, SERVICES);
    const params = caseParams("v01_block1_remark");
    const { result } = await pvf.run({ params, povBombLimitBytes: 0, log: { add: () => {} } });
    assertEquals(result, caseResult("v01_block1_remark"));
  }
});

Deno.test("prepare() sets the memory's maximum in the artifact", async () => {
  const { artifact } = await prepare(buildModule({ memories: [limits(1, 65536)] }), { maxMemoryPages: 7 });
  assertEquals(artifact, buildModule({ memories: [limits(1, 7)] }));
});

Deno.test("prepare() tells the length of the code once decompressed", async () => {
  const code = buildModule();
  const blob = Uint8Array.of(0x52, 0xbc, 0x53, 0x76, 0x46, 0xdb, 0x8e, 7, ...zstdCompressSync(code));
  assertEquals((await prepare(code)).decompressedBytes, code.length);
  assertEquals((await prepare(blob)).decompressedBytes, code.length);
});

Deno.test("prepare() refuses code over the bomb limit", async () => {
  const limit = { codeBombLimitBytes: 2_481_750 };
  await assertFails(
    await pvfCode(),
    "decompression",
    "Cannot decompress to more than the limit of 2481750 bytes",
    limit,
  );
  await assertFails(buildModule(), "decompression", "at most 10 bytes wanted", { codeBombLimitBytes: 10 });
});

Deno.test("prepare() refuses code that is damaged or not WebAssembly", async () => {
  await assertFails((await pvfCode()).subarray(0, 600_000), "decompression", "left");
  await assertFails(new TextEncoder().encode("PVM\0"), "decompression", "PolkaVM");
  await assertFails(new Uint8Array(), "prevalidation", "it is empty");
  await assertFails(Uint8Array.of(1, 2, 3, 4, 5), "prevalidation", "the magic number");
});

Deno.test("prepare() refuses a memory over the limit of this preparation", async () => {
  await assertFails(await pvfCode(), "prevalidation", "its memory starts with 19 pages, at most 18 wanted", {
    maxMemoryPages: 18,
  });
});

Deno.test("prepare() checks the bodies of all functions", async () => {
  for (const kind of KINDS) {
    await assertFails(buildModule({ bodies: [[OP.i32DivU]] }), "preparation", "Compiling function #0 failed", { kind });
  }
});

Deno.test("prepare() tries to instantiate for a precheck only", async () => {
  const outside = buildModule({ data: [[0, OP.i32Const, ...sleb(65530), OP.end, ...sized(RESULT)]] });
  await assertFails(outside, "runtime-construction", "Cannot instantiate the module");
  await prepare(outside, { kind: "compile" });
});
