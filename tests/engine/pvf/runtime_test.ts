import { assert, assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import { WasmCrypto } from "../../../src/crypto/wasm_crypto.ts";
import { type Executed, ExecuteFailure, type LogSink } from "../../../src/engine/engine.ts";
import { FreeingBumpAllocator } from "../../../src/engine/pvf/allocator.ts";
import { decompressCode } from "../../../src/engine/pvf/blob.ts";
import { GuestMemory } from "../../../src/engine/pvf/guest_memory.ts";
import { linkFunctions } from "../../../src/engine/pvf/host_functions/host_functions.ts";
import { limitMemory } from "../../../src/engine/pvf/memory_limit.ts";
import { compile } from "../../../src/engine/pvf/program.ts";
import { load, type PvfRuntime } from "../../../src/engine/pvf/runtime.ts";
import { decodeValidationParams, encodeValidationParams } from "../../../src/protocol/validation_data.ts";
import { caseParams, caseResult, cases, pvfCode, testFile, wasmBytes } from "../../testdata.ts";

const MAX_PAGES = 2080;
const POV_LIMIT = 20 << 20;
const SILENCE: LogSink = { add: () => {} };

async function artifact(): Promise<Uint8Array> {
  return limitMemory(decompressCode(await pvfCode(), 12 << 20), MAX_PAGES);
}

async function runtime(): Promise<PvfRuntime> {
  return load(await artifact(), { crypto: new WasmCrypto(wasmBytes) });
}

function run(pvf: PvfRuntime, params: Uint8Array, log = SILENCE): Executed {
  return pvf.run({ params, povBombLimitBytes: POV_LIMIT, log });
}

function withBlockData(blockData: Uint8Array): Uint8Array {
  return encodeValidationParams({ ...decodeValidationParams(caseParams("v01_block1_remark")), blockData });
}

Deno.test("run() returns the exact result of every good block, and how much memory it took", async () => {
  const pvf = await runtime();
  const good = cases.filter(({ outcome }) => outcome === "ok");
  for (const { name, memoryPages } of good) {
    assertEquals(run(pvf, caseParams(name)), { result: caseResult(name), peakMemoryPages: memoryPages }, name);
  }
  assertEquals(good.map(({ name }) => name.slice(0, 3)), ["v01", "v02", "v03", "v05"]);
});

Deno.test("run() tells why the code refused every bad block", async () => {
  const pvf = await runtime();
  const bad = cases.filter(({ outcome }) => outcome === "trap");
  for (const { name, panic = [] } of bad) {
    const logged: string[] = [];
    const log: LogSink = { add: (level, _target, message) => void (level === 1 && logged.push(message)) };
    const error = assertThrows(() => run(pvf, caseParams(name), log), ExecuteFailure);
    const reason = panic.findLast((message) => message !== null);
    const trap = reason === undefined ? "memory access out of bounds" : `unreachable: ${reason}`;
    assertEquals([error.kind, error.message], ["trap", `wasm trap: ${trap}`], name);
    assertEquals(logged, reason === undefined ? [] : [reason], name);
  }
  assertEquals(bad.length, 6);
});

Deno.test("run() starts from a fresh memory every time", async () => {
  const pvf = await runtime();
  const params = caseParams("v01_block1_remark");
  assertThrows(() => run(pvf, caseParams("b13_wrong_state_root")));
  const [first, second] = [run(pvf, params), run(pvf, params)];
  assertEquals(first, second);
  assertNotStrictEquals(first.result.buffer, second.result.buffer);
});

Deno.test("run() decompresses block data of both magics", async () => {
  const pvf = await runtime();
  for (const magic of ["05", "06"]) {
    const blockData = testFile(`pov_compressed/v01_block1_remark.magic${magic}.bin`);
    assertEquals(run(pvf, withBlockData(blockData)).result, caseResult("v01_block1_remark"));
  }
});

Deno.test("run() refuses block data that does not decompress, before any code runs", async () => {
  const pvf = await runtime();
  const problems = {
    bad_truncated: "takes",
    bad_zstd_magic: "magic number",
    bad_empty_frame: "Cannot decompress 0 bytes: a zstd frame wanted",
    bad_bomb_20MiB_plus_1: "Cannot decompress to more than the limit of 20971520 bytes",
  };
  for (const [file, problem] of Object.entries(problems)) {
    const params = withBlockData(testFile(`pov_compressed/${file}.bin`));
    assertEquals(assertThrows(() => run(pvf, params), ExecuteFailure, problem).kind, "pov-decompression");
  }
  const code = withBlockData(Uint8Array.fromHex("52bc537646db8e07"));
  assertEquals(assertThrows(() => run(pvf, code), ExecuteFailure, "WebAssembly code").kind, "pov-decompression");
});

Deno.test("run() leaves it to the code to refuse parameters that do not parse", async () => {
  const pvf = await runtime();
  for (const params of [new Uint8Array(), Uint8Array.of(255, 255, 255), Uint8Array.of(0, 3, 0, 0)]) {
    const error = assertThrows(() => run(pvf, params), ExecuteFailure);
    assertEquals(error.kind, "trap");
    assert(error.message.includes("panicked at 'Invalid input data"), error.message);
  }
});

Deno.test("run() ignores bytes after the parameters, as the code does", async () => {
  const params = caseParams("v01_block1_remark");
  const result = run(await runtime(), Uint8Array.of(...params, 1, 2, 3)).result;
  assertEquals(result, caseResult("v01_block1_remark"));
});

Deno.test("call() calls any exported function", async () => {
  const version = (await runtime()).instantiate(SILENCE).call("Core_version", new Uint8Array());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", version));
  assertEquals(version.length, 158);
  assertEquals(digest.toHex(), "7392bd02f07ec4cbac57ab830f91c24aacca75ee2ecf39a614380150cfdbcdd4");
});

/** Calls an exported function and counts how often it calls each host function. */
async function countCalls(name: string, argument: Uint8Array): Promise<Record<string, number>> {
  const program = compile(await artifact());
  const memory = new GuestMemory();
  const allocator = new FreeingBumpAllocator(memory, MAX_PAGES);
  const context = { memory, allocator, crypto: new WasmCrypto(wasmBytes), log: SILENCE };
  const calls: Record<string, number> = {};
  const env: Record<string, WebAssembly.ImportValue> = {};
  for (const [key, call] of Object.entries(linkFunctions(program.functionImports, context))) {
    env[key] = (...parameters: unknown[]) => {
      calls[key] = (calls[key] ?? 0) + 1;
      return call(...parameters as never[]);
    };
  }
  env.memory = new WebAssembly.Memory({ initial: 19, maximum: MAX_PAGES });
  const { exports } = new WebAssembly.Instance(program.module, { env });
  memory.attach(env.memory as WebAssembly.Memory);
  allocator.startAt((exports.__heap_base as WebAssembly.Global).value);
  const pointer = argument.length === 0 ? 0 : allocator.allocate(argument.length);
  memory.write(pointer, argument);
  try {
    (exports[name] as (pointer: number, length: number) => bigint)(pointer, argument.length);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
  }
  return calls;
}

Deno.test("the code calls each host function as often as on another host", async () => {
  for (const { name, hostFunctions } of cases) {
    assertEquals(await countCalls("validate_block", caseParams(name)), hostFunctions, name);
  }
  const { ext_allocator_malloc_version_1: mallocs, ext_allocator_free_version_1: frees } = await countCalls(
    "Core_version",
    new Uint8Array(),
  );
  assertEquals([mallocs, frees], [7, 6]);
});
