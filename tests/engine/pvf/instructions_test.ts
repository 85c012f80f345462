import { assert, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PrepareFailure } from "../../../src/engine/engine.ts";
import { decompressCode } from "../../../src/engine/pvf/blob.ts";
import { checkInstructions } from "../../../src/engine/pvf/instructions.ts";
import { engine } from "../../../src/engine/pvf/pvf_engine.ts";
import { WasmCrypto } from "../../../src/crypto/wasm_crypto.ts";
import { pvfCode, wasmBytes } from "../../testdata.ts";
import { buildModule, type Bytes, heapBase, joinSections, OP, section } from "./wasm_builder.ts";

/** Bodies that V8 accepts, and the extension that they use. */
const EXTENDED: [extension: string, body: Bytes][] = [
  ["sign extension", [OP.i32Const, 1, 0xc0, OP.drop, OP.i64Const, 0]],
  ["bulk memory", [OP.i32Const, 0, OP.i32Const, 0, OP.i32Const, 0, 0xfc, 11, 0, OP.i64Const, 0]], // memory.fill
  ["saturating", [0x43, 0, 0, 0, 0, 0xfc, 0, OP.drop, OP.i64Const, 0]], // i32.trunc_sat_f32_s
  ["SIMD", [0xfd, 12, ...new Array(16).fill(0), OP.drop, OP.i64Const, 0]], // v128.const
  ["references", [0xd0, 0x70, OP.drop, OP.i64Const, 0]], // ref.null func
  ["references", [OP.i32Const, 0, OP.i32Const, 0, OP.i32Const, 0, 0x1c, 1, 0x7f, OP.drop, OP.i64Const, 0]], // typed select
  ["exceptions", [0x06, 0x40, 0x19, OP.end, OP.i64Const, 0]], // try, catch_all
  ["exceptions", [0x1f, 0x40, 0, OP.end, OP.i64Const, 0]], // try_table
  ["tail calls", [OP.i32Const, 0, OP.i32Const, 0, 0x12, 0]], // return_call
  ["several results", [0x02, 0, OP.i64Const, 0, OP.end]], // block with a function's type
];

const services = { crypto: new WasmCrypto(wasmBytes) };

function precheck(code: Uint8Array, wasmExtBulkMemory = false): void {
  const limits = { maxMemoryPages: 2080, wasmExtBulkMemory, codeBombLimitBytes: 2 ** 20 };
  void engine.prepare({ code, kind: "precheck", ...limits }, services);
}

for (const [extension, body] of EXTENDED) {
  Deno.test(`prepare() refuses ${extension} (${body.slice(0, 4)}), which V8 knows and upstream does not`, () => {
    const types: Bytes[] = [[0x60, 2, 0x7f, 0x7f, 1, 0x7e], [0x60, 0, 0]];
    const code = extension === "several results"
      ? buildModule({ types: [[0x60, 0, 1, 0x7e], types[0] ?? []], functions: [1], bodies: [body] })
      : buildModule({ types, bodies: [body] });
    assert(WebAssembly.validate(code), "V8 takes the module, so that nothing else refuses it");
    const error = assertThrows(() => precheck(code), PrepareFailure);
    assertStringIncludes(error.message, extension);
    assertStringIncludes(error.message, "WebAssembly 1.0 wanted");
    if (extension === "bulk memory") return precheck(code, true);
    // What is refused without bulk memory is refused with it, and for the same reason.
    assertThrows(() => precheck(code, true), PrepareFailure, error.message);
  });
}

Deno.test("prepare() refuses passive data", () => {
  const code = buildModule({ data: [[1, 1, 42]] });
  assert(WebAssembly.validate(code));
  assertStringIncludes(assertThrows(() => precheck(code), PrepareFailure).message, "bulk memory");
});

Deno.test("prepare() refuses an offset that is computed", () => {
  const code = buildModule({ data: [[0, OP.i32Const, 1, OP.i32Const, 1, 0x6a, OP.end, 1, 42]] });
  assert(WebAssembly.validate(code));
  assertStringIncludes(assertThrows(() => precheck(code), PrepareFailure).message, "extended constants");
});

Deno.test("prepare() refuses a global that is computed", () => {
  const code = buildModule({ globals: [heapBase(), [0x7f, 0, OP.i32Const, 1, OP.i32Const, 1, 0x6a, OP.end]] });
  assert(WebAssembly.validate(code));
  assertStringIncludes(assertThrows(() => precheck(code), PrepareFailure).message, "extended constants");
});

Deno.test("prepare() takes a global of every type, one of them made of nothing but its constant", () => {
  const globals: Bytes[] = [
    heapBase(),
    [0x7e, 1, OP.i64Const, 0xff, 0x01, OP.end],
    [0x7d, 0, 0x43, 1, 2, 3, 4, OP.end],
    [0x7c, 0, 0x44, 1, 2, 3, 4, 5, 6, 7, 8, OP.end],
  ];
  precheck(buildModule({ globals }));
  precheck(buildModule({ globals }), true);
});

for (
  const [what, tables] of [["several tables", [2, 0x70, 0, 0, 0x70, 0, 0]], ["references", [1, 0x6f, 0, 0]]] as const
) {
  Deno.test(`prepare() refuses ${what}`, () => {
    const code = joinSections([[4, tables.length, ...tables]]);
    assert(WebAssembly.validate(code));
    assertStringIncludes(assertThrows(() => checkInstructions(code, true), PrepareFailure).message, what);
  });
}

Deno.test("prepare() takes every instruction of WebAssembly 1.0 that a real runtime uses", async () => {
  checkInstructions(decompressCode(await pvfCode(), 30 * 2 ** 20), false);
});

Deno.test("prepare() takes numbers of any length, and labels, blocks and calls by table", () => {
  const body = [
    ...[0x02, 0x40, 0x03, 0x7f, OP.i32Const, 0xff, 0x00, OP.end, OP.drop, OP.end],
    ...[0x02, 0x40, OP.localGet, 0, 0x0e, 2, 0, 0, 0, OP.end],
    ...[0x44, 0, 0, 0, 0, 0, 0, 0, 0, OP.drop, 0x3f, 0, OP.drop],
    ...[OP.i64Const, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
  ];
  const code = buildModule({ bodies: [body] });
  assert(WebAssembly.validate(code));
  precheck(code);
});

Deno.test("checkInstructions() throws nothing but PrepareFailure, whatever the bodies", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(9, 10, 11, 12), fc.boolean(), (bytes, id, bulk) => {
      try {
        checkInstructions(joinSections([section(6, [heapBase()]), [id, bytes.length, ...bytes]]), bulk);
      } catch (error) {
        assert(error instanceof PrepareFailure, String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});
