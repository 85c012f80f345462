import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { PrepareFailure } from "../../../src/engine/engine.ts";
import { decompressCode } from "../../../src/engine/pvf/blob.ts";
import { prevalidate } from "../../../src/engine/pvf/prevalidate.ts";
import { pvfCode } from "../../testdata.ts";
import {
  buildModule,
  DIGEST_TYPE,
  ENTRY_TYPE,
  exported,
  F64,
  functionType,
  heapBase,
  I32,
  I64,
  importedFunction,
  importedMemory,
  joinSections,
  leb,
  limits,
  type ModuleParts,
  NO_TYPE,
  OP,
  pvfExports,
  section,
  text,
  V128,
} from "./wasm_builder.ts";

const MAX_PAGES = 2080;

function refusal(wasm: Uint8Array): string {
  const error = assertThrows(() => prevalidate(wasm, MAX_PAGES), PrepareFailure);
  assertEquals(error.kind, "prevalidation");
  return error.message;
}

function assertRefused(parts: ModuleParts, problem: string): void {
  assertEquals(refusal(buildModule(parts)), `Cannot use the module as a PVF: ${problem}`);
}

function assertUnreadable(wasm: Uint8Array, problem: string): void {
  assertEquals(refusal(wasm), `Cannot read the module: ${problem}`);
}

Deno.test("prevalidate() takes the smallest PVF, with its own memory and with an imported one", () => {
  prevalidate(buildModule(), MAX_PAGES);
  prevalidate(buildModule({ memories: [], imports: [importedMemory(limits(2, 3))] }), MAX_PAGES);
});

Deno.test("prevalidate() takes a real PVF", async () => {
  prevalidate(decompressCode(await pvfCode(), 12 << 20), MAX_PAGES);
});

Deno.test("prevalidate() refuses what is not WebAssembly", () => {
  assertUnreadable(new Uint8Array(), "it is empty, WebAssembly wanted");
  assertUnreadable(
    new TextEncoder().encode("#!/bin/sh"),
    "it starts with 23212f62, the magic number 0061736d of WebAssembly wanted",
  );
  assertUnreadable(Uint8Array.of(0, 0x61), "it starts with 0061, the magic number 0061736d of WebAssembly wanted");
  assertUnreadable(Uint8Array.of(0, 0x61, 0x73, 0x6d, 13, 0, 1, 0), "its version is 0d000100, 01000000 wanted");
});

Deno.test("prevalidate() refuses a module that is cut off anywhere", () => {
  const whole = buildModule({ imports: [importedFunction("f", NO_TYPE)] });
  // The last 34 bytes are the code and data sections, and a module whose end is that of a section may do without the rest.
  const endOfExports = whole.length - 34;
  for (let length = 0; length < endOfExports; length++) refusal(whole.subarray(0, length));
  assertUnreadable(
    whole.subarray(0, whole.length - 1),
    `the data section at offset ${whole.length - 19} takes 19 bytes, 18 left: it is truncated`,
  );
});

Deno.test("prevalidate() refuses sections that are unknown, out of order or there twice", () => {
  assertUnreadable(joinSections([[13, 0]]), "section 13 at offset 8 is unknown, 0 to 12 wanted");
  const [types, memories] = [section(1, [functionType([], [])]), section(5, [limits(1)])];
  assertUnreadable(joinSections([memories, types]), "the type section at offset 13 is out of order or there twice");
  assertUnreadable(joinSections([types, types]), "the type section at offset 14 is out of order or there twice");
});

Deno.test("prevalidate() takes custom sections anywhere", () => {
  const custom = [0, 3, ...text("x"), 7];
  const whole = buildModule();
  prevalidate(Uint8Array.of(...whole.subarray(0, 8), ...custom, ...whole.subarray(8), ...custom), MAX_PAGES);
});

Deno.test("prevalidate() refuses sections with bytes left over", () => {
  assertUnreadable(
    joinSections([[5, 4, 1, ...limits(1), 0]]),
    "the memory section has 1 bytes left over",
  );
});

Deno.test("prevalidate() refuses types that are off for a PVF", () => {
  assertUnreadable(
    buildModule({ types: [[0x5f, 0]] }),
    "the type at offset 11 has form 0x5f, 0x60 (a function) wanted",
  );
  assertUnreadable(
    buildModule({ types: [functionType([V128], [])] }),
    "the value type 0x7b at offset 13 is not i32, i64, f32 or f64",
  );
  assertUnreadable(
    buildModule({ types: [functionType([], [I32, F64])] }),
    "a function type has 2 results (i32, f64), at most 1 wanted",
  );
});

Deno.test("prevalidate() refuses functions of types that do not exist", () => {
  assertUnreadable(buildModule({ functions: [77] }), "a function has type 77, there are 5 types");
});

Deno.test("prevalidate() refuses kinds and limits that do not exist", () => {
  assertUnreadable(
    buildModule({ exports: [exported("validate_block", 9, 0)] }),
    "kind 9 at offset 72 is unknown, 0 to 4 wanted",
  );
  assertUnreadable(buildModule({ memories: [[8, 1]] }), "the limits at offset 43 have flags 8, 0 to 7 wanted");
});

Deno.test("prevalidate() refuses a start function", () => {
  assertRefused({ start: 0 }, "it has a start function, none wanted");
});

Deno.test("prevalidate() refuses imports from elsewhere than env", () => {
  assertRefused(
    { imports: [importedFunction("fd_write", NO_TYPE, "wasi_snapshot_preview1")] },
    "it imports wasi_snapshot_preview1.fd_write, only imports from env wanted",
  );
});

Deno.test("prevalidate() refuses imports of other kinds than functions and a memory", () => {
  const kinds = { table: [1, 0x70, 0, 1], global: [3, I32, 0], tag: [4, 0, NO_TYPE] };
  for (const [kind, type] of Object.entries(kinds)) {
    assertUnreadable(
      buildModule({ imports: [[...text("env"), ...text("x"), ...type]] }),
      `the import env.x is a ${kind}, a function or a memory wanted`,
    );
  }
});

Deno.test("prevalidate() refuses an imported memory of another name", () => {
  assertRefused(
    { memories: [], imports: [importedMemory(limits(1), "heap")] },
    "it imports a memory as env.heap, env.memory wanted",
  );
});

Deno.test("prevalidate() refuses host functions of other types than theirs", () => {
  assertRefused(
    { imports: [importedFunction("ext_hashing_twox_64_version_1", ENTRY_TYPE)], exports: pvfExports(1) },
    "it imports env.ext_hashing_twox_64_version_1 with the type (i32, i32) -> i64, (i64) -> i32 wanted",
  );
});

Deno.test("prevalidate() takes imports that nobody offers, whatever their names", () => {
  const names = ["ext_storage_get_version_1", "constructor", "__proto__", "toString", ""];
  const imports = names.map((name) => importedFunction(name, DIGEST_TYPE));
  prevalidate(buildModule({ imports, exports: pvfExports(names.length) }), MAX_PAGES);
});

Deno.test("prevalidate() refuses a module without a memory or with several", () => {
  assertRefused({ memories: [], exports: pvfExports(0, false) }, "it has no memory, one wanted");
  assertRefused({ memories: [limits(1), limits(1)] }, "it has 2 memories, one wanted");
  assertRefused({ imports: [importedMemory(limits(1))] }, "it has 2 memories, one wanted");
});

Deno.test("prevalidate() refuses a memory that is shared or of 64 bits", () => {
  assertRefused({ memories: [limits(1, 2, 2)] }, "its memory is shared, one that is not shared wanted");
  assertRefused({ memories: [limits(1, 2, 4)] }, "its memory has addresses of 64 bits, 32 wanted");
});

Deno.test("prevalidate() refuses a memory that starts over the limit", () => {
  prevalidate(buildModule({ memories: [limits(MAX_PAGES)] }), MAX_PAGES);
  assertRefused({ memories: [limits(MAX_PAGES + 1)] }, "its memory starts with 2081 pages, at most 2080 wanted");
});

Deno.test("prevalidate() refuses a module that does not export its own memory", () => {
  assertRefused({ exports: pvfExports(0, false) }, "it does not export memory");
  assertRefused(
    { exports: [exported("memory", 3, 0), ...pvfExports(0, false)] },
    "its export memory is a global, its memory wanted",
  );
});

Deno.test("prevalidate() refuses a module without a fit validate_block", () => {
  const others = [exported("memory", 2, 0), exported("__heap_base", 3, 0)];
  assertRefused({ exports: others }, "it does not export validate_block");
  assertRefused(
    { exports: [...others, exported("validate_block", 3, 0)] },
    "its export validate_block is a global, a function wanted",
  );
  assertRefused(
    { types: [functionType([I32, I64], [])] },
    "its export validate_block has the type (i32, i64) -> (), (i32, i32) -> i64 wanted",
  );
  assertRefused(
    { exports: [...others, exported("validate_block", 0, 5)] },
    "its export validate_block is function 5, there are 1 functions",
  );
});

Deno.test("prevalidate() counts imported functions first when it looks up validate_block's type", () => {
  const imports = [importedFunction("f", NO_TYPE), importedFunction("g", NO_TYPE)];
  prevalidate(buildModule({ imports, exports: pvfExports(2) }), MAX_PAGES);
  assertRefused(
    { imports, exports: pvfExports(1) },
    "its export validate_block has the type () -> (), (i32, i32) -> i64 wanted",
  );
});

Deno.test("prevalidate() refuses a module without the global __heap_base", () => {
  const others = [exported("memory", 2, 0), exported("validate_block", 0, 0)];
  assertRefused({ exports: others }, "it does not export __heap_base");
  assertRefused(
    { exports: [...others, exported("__heap_base", 2, 0)] },
    "its export __heap_base is a memory, a global wanted",
  );
});

Deno.test("prevalidate() leaves function bodies alone", () => {
  prevalidate(buildModule({ bodies: [[OP.i32DivU]], globals: [heapBase()] }), MAX_PAGES);
});

function throwsOnlyPrepareFailure(wasm: Uint8Array): boolean {
  try {
    prevalidate(wasm, MAX_PAGES);
    return true;
  } catch (error) {
    return error instanceof PrepareFailure && error.kind === "prevalidation";
  }
}

Deno.test("prevalidate() throws nothing but its own error for arbitrary bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), throwsOnlyPrepareFailure), { numRuns: 500 });
  const sections = fc.array(fc.tuple(fc.nat(13), fc.uint8Array({ maxLength: 30 })), { maxLength: 5 });
  fc.assert(
    fc.property(
      sections,
      (parts) => throwsOnlyPrepareFailure(joinSections(parts.map(([id, content]) => [id, content.length, ...content]))),
    ),
    { numRuns: 2000 },
  );
});

Deno.test("prevalidate() throws nothing but its own error for a damaged module", async () => {
  const small = buildModule({ imports: [importedFunction("f", NO_TYPE)] });
  const real = decompressCode(await pvfCode(), 12 << 20);
  // Names, types and sizes are at the start of the module; the rest of it is code.
  for (const [whole, range, numRuns] of [[small, small.length, 5000], [real, 20_000, 300]] as const) {
    const changes = fc.array(fc.tuple(fc.nat(range - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(changes, (bytes) => {
        const damaged = whole.slice();
        for (const [at, byte] of bytes) damaged[at] = byte;
        return throwsOnlyPrepareFailure(damaged);
      }),
      { numRuns },
    );
  }
});

Deno.test("prevalidate() refuses a module with more of something than any real one has, at once", () => {
  const many = (id: number, count: number, entry: readonly number[]): Uint8Array => {
    const content = [...leb(count), ...Array.from({ length: count }, () => entry).flat()];
    return joinSections([[id, ...leb(content.length), ...content]]);
  };
  const crafted: [Uint8Array, string][] = [
    [many(1, 100_001, [0x60, 0, 0]), "100001 types, at most 100000 wanted"],
    [many(1, 1, [0x60, ...leb(1_001), ...new Array(1_001).fill(0x7f), 0]), "1001 parameters, at most 1000 wanted"],
  ];
  for (const [code, message] of crafted) {
    assertStringIncludes(assertThrows(() => prevalidate(code, 1), PrepareFailure).message, message);
  }
});
