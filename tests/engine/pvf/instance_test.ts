import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { WasmCrypto, WasmCryptoError } from "../../../src/crypto/wasm_crypto.ts";
import { ExecuteFailure } from "../../../src/engine/engine.ts";
import { limitMemory } from "../../../src/engine/pvf/memory_limit.ts";
import { load } from "../../../src/engine/pvf/runtime.ts";
import {
  buildModule,
  type Bytes,
  DIGEST_TYPE,
  ENTRY_TYPE,
  I32,
  I64,
  importedFunction,
  importedMemory,
  leb,
  limits,
  LOG_TYPE,
  type ModuleParts,
  NO_TYPE,
  OP,
  pvfExports,
  RESULT,
  RESULT_POINTER,
  returnSlice,
  sized,
  sleb,
} from "./wasm_builder.ts";
import { wasmBytes } from "../../testdata.ts";

const MAX_PAGES = 5;
const CRYPTO = new WasmCrypto(wasmBytes);
const VALID: Bytes = returnSlice(RESULT_POINTER, RESULT.length);

interface Options {
  readonly params?: Uint8Array;
  readonly crypto?: WasmCrypto;
  readonly add?: (level: number, target: string, message: string) => void;
}

function run(parts: ModuleParts, { params = new Uint8Array(), crypto = CRYPTO, add = () => {} }: Options = {}) {
  const pvf = load(limitMemory(buildModule(parts), MAX_PAGES), { crypto });
  return pvf.run({ params, povBombLimitBytes: 1000, log: { add } });
}

/** A PVF whose function is `body`, with these imports of functions. */
function withImports(imports: [name: string, type: number][], body: Bytes): ModuleParts {
  return {
    imports: imports.map(([name, type]) => importedFunction(name, type)),
    exports: pvfExports(imports.length),
    bodies: [body],
  };
}

function assertFails(parts: ModuleParts, kind: string, message: string, options?: Options): void {
  const error = assertThrows(() => run(parts, options), ExecuteFailure);
  assertEquals([error.kind, error.message], [kind, message]);
}

/** A data segment. */
function data(pointer: number, bytes: Bytes): Bytes {
  return [0, OP.i32Const, ...sleb(pointer), OP.end, ...sized(bytes)];
}

/** Code that leaves a slice of the text at 500, and the text's data. */
function textAt500(text: string): { slice: Bytes; segment: Bytes } {
  const bytes = [...new TextEncoder().encode(text)];
  return { slice: returnSlice(500, bytes.length), segment: data(500, bytes) };
}

Deno.test("run() gives back what the code returns and its memory's size", () => {
  assertEquals(run({}), { result: Uint8Array.from(RESULT), peakMemoryPages: 1 });
});

Deno.test("run() runs code with an imported memory", () => {
  const parts = { memories: [], imports: [importedMemory(limits(2))], exports: pvfExports(0, false) };
  assertEquals(run(parts), { result: Uint8Array.from(RESULT), peakMemoryPages: 2 });
});

Deno.test("run() passes the argument by pointer and length", () => {
  const length = [OP.localGet, 1, OP.i64ExtendI32U, OP.i64Const, ...sleb(32), 0x86];
  const echo = [...length, OP.localGet, 0, OP.i64ExtendI32U, 0x84];
  const params = Uint8Array.of(...RESULT, 9, 9);
  assertEquals(run({ bodies: [echo] }, { params }).result, params);
});

Deno.test("run() takes the result out of the memory", () => {
  const { result } = run({});
  assertEquals(result.buffer.byteLength, RESULT.length);
});

Deno.test("run() tells how large the memory became, also where the code itself grew it", () => {
  const grow = (pages: number) => [OP.i32Const, ...sleb(pages), OP.memoryGrow, 0, OP.drop];
  assertEquals(run({ bodies: [[...grow(4), ...VALID]] }).peakMemoryPages, 5);
  assertEquals(run({ bodies: [[...grow(5), ...VALID]] }).peakMemoryPages, 1);
});

Deno.test("run() names the trap", () => {
  assertFails({ bodies: [[OP.unreachable]] }, "trap", "wasm trap: unreachable");
  const divide = [OP.i32Const, 1, OP.i32Const, 0, OP.i32DivU, OP.drop];
  assertFails({ bodies: [[...divide, ...VALID]] }, "trap", "wasm trap: divide by zero");
  const load = [OP.i32Const, ...sleb(-4), OP.i32Load, 2, 0, OP.drop];
  assertFails({ bodies: [[...load, ...VALID]] }, "trap", "wasm trap: memory access out of bounds");
});

Deno.test("run() appends to the trap what the code gave as its reason", () => {
  const reasons = [
    [0, "panicked at 'no', lib.rs:1:2", "wasm trap: unreachable: panicked at 'no', lib.rs:1:2"],
    [1, "panicked at 'no', lib.rs:1:2", "wasm trap: unreachable"],
    [0, "something else", "wasm trap: unreachable"],
  ] as const;
  for (const [level, text, message] of reasons) {
    const { slice, segment } = textAt500(text);
    const log = [OP.i32Const, level, ...returnSlice(0, 0), ...slice, OP.call, 0];
    const parts = withImports([["ext_logging_log_version_1", LOG_TYPE]], [...log, OP.unreachable]);
    assertFails({ ...parts, data: [segment] }, "trap", message);
  }
});

Deno.test("run() does not hold an exhausted native stack against the code", () => {
  const recurse = [OP.localGet, 0, OP.localGet, 1, OP.call, 0];
  assertFails(
    { bodies: [recurse] },
    "resources",
    "native stack exhausted: Maximum call stack size exceeded",
  );
});

Deno.test("run() runs code that imports what no host offers, as long as it is not called", () => {
  const name = "ext_storage_root_version_2";
  assertEquals(run(withImports([[name, NO_TYPE]], VALID)).result, Uint8Array.from(RESULT));
  const called = withImports([[name, NO_TYPE]], [OP.call, 0, ...VALID]);
  assertFails(called, "trap", "host function ext_storage_root_version_2 is not offered to a PVF");
});

Deno.test("run() does not hold it against the code that a host function is missing here", () => {
  const called = withImports([["ext_misc_runtime_version_version_1", NO_TYPE]], [OP.call, 0, ...VALID]);
  assertFails(called, "unsupported", "host function ext_misc_runtime_version_version_1 is not supported");
});

Deno.test("run() refuses a result out of bounds", () => {
  assertFails(
    { bodies: [returnSlice(65530, 7)] },
    "trap",
    "Cannot access 7 bytes at 65530 of the code's memory: it has 65536 bytes",
  );
});

Deno.test("run() refuses a result that does not decode", () => {
  assertFails(
    { bodies: [returnSlice(RESULT_POINTER, 4)] },
    "trap",
    "Cannot use the 4 bytes that the code returned: Cannot decode ValidationResult.horizontalMessages: " +
      "1 bytes wanted at offset 4, 0 left",
  );
});

Deno.test("run() takes a result with bytes after it", () => {
  assertEquals(run({ bodies: [returnSlice(RESULT_POINTER, 100)] }).result.length, 100);
});

Deno.test("run() refuses host functions a slice out of bounds", () => {
  const hash = [...returnSlice(65536, 1), OP.call, 0, OP.drop];
  assertFails(
    withImports([["ext_hashing_twox_64_version_1", DIGEST_TYPE]], [...hash, ...VALID]),
    "trap",
    "Cannot access 1 bytes at 65536 of the code's memory: it has 65536 bytes",
  );
});

Deno.test("run() starts the heap at __heap_base", () => {
  // The first thing on the heap is the argument, after a header of eight bytes.
  const parts = { bodies: [returnSlice(1024 + 8, RESULT.length + 1)] };
  const params = Uint8Array.of(...RESULT, 7);
  assertEquals(run(parts, { params }).result, params);
  const farOff = { globals: [[I32, 0, OP.i32Const, ...sleb(6 * 65536), OP.end]] };
  const message = "Cannot serve the code's allocator: out of space: 7 pages needed, at most 5 allowed";
  assertFails(farOff, "trap", message, { params });
});

Deno.test("run() refuses a module that cannot be instantiated", () => {
  const outside = { data: [data(65530, RESULT)] };
  const error = assertThrows(() => run(outside), ExecuteFailure, "Cannot instantiate the module: ");
  assertEquals(error.kind, "runtime-construction");
  assertFails(
    { globals: [[I64, 0, OP.i64Const, ...leb(8), OP.end]] },
    "runtime-construction",
    "Cannot place the heap: __heap_base is 8, an i32 wanted",
  );
});

Deno.test("run() passes on what is neither the code's nor the machine's failure", () => {
  const problem = new TypeError("a bug");
  const parts = withImports(
    [["ext_misc_print_num_version_1", 5]],
    [OP.i64Const, 1, OP.call, 0, ...VALID],
  );
  const types = [[0x60, 2, I32, I32, 1, I64], ...Array(4).fill([0x60, 0, 0]), [0x60, 1, I64, 0]];
  const add = () => {
    throw problem;
  };
  assertStrictEquals(assertThrows(() => run({ ...parts, types, functions: [ENTRY_TYPE] }, { add })), problem);
});

Deno.test("run() does not take a trap in the crypto module for one in the code", () => {
  const crypto = {
    twox: () => {
      throw new WasmCryptoError("The crypto module failed: unreachable");
    },
  } as unknown as WasmCrypto;
  const hash = [...returnSlice(0, 1), OP.call, 0, OP.drop];
  assertFails(
    withImports([["ext_hashing_twox_64_version_1", DIGEST_TYPE]], [...hash, ...VALID]),
    "resources",
    "The crypto module failed: unreachable",
    { crypto },
  );
});

Deno.test("load() refuses what is not a prepared module", () => {
  const artifacts = [
    new Uint8Array(),
    Uint8Array.of(1, 2, 3),
    buildModule({ bodies: [[]] }),
    buildModule({ memories: [] }),
  ];
  for (const artifact of artifacts) {
    const error = assertThrows(
      () => load(artifact, { crypto: CRYPTO }),
      ExecuteFailure,
      "Cannot compile the artifact: ",
    );
    assertEquals(error.kind, "runtime-construction");
  }
});
