import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { decompressCode } from "../../../src/engine/pvf/blob.ts";
import { limitMemory } from "../../../src/engine/pvf/memory_limit.ts";
import { readModule } from "../../../src/engine/pvf/wasm_module.ts";
import { pvfCode } from "../../testdata.ts";
import { buildModule, importedFunction, importedMemory, limits, NO_TYPE, pvfExports } from "./wasm_builder.ts";

function memoryOf(wasm: Uint8Array): (number | undefined)[][] {
  return readModule(wasm).memories.map(({ minPages, maxPages }) => [minPages, maxPages]);
}

Deno.test("limitMemory() gives a module's own memory a maximum and leaves the rest alone", () => {
  assertEquals(limitMemory(buildModule({ memories: [limits(3)] }), 2080), buildModule({ memories: [limits(3, 2080)] }));
});

Deno.test("limitMemory() overrides a maximum that the module declares, in either direction", () => {
  for (const declared of [4, 2080, 65536]) {
    const wasm = buildModule({ memories: [limits(3, declared)] });
    assertEquals(limitMemory(wasm, 100), buildModule({ memories: [limits(3, 100)] }));
  }
});

Deno.test("limitMemory() limits an imported memory between other imports", () => {
  const imports = (max?: number) => [
    importedFunction("f", NO_TYPE),
    importedMemory(limits(19, max)),
    importedFunction("g", NO_TYPE),
  ];
  const parts = { memories: [], exports: pvfExports(2, false) };
  assertEquals(
    limitMemory(buildModule({ ...parts, imports: imports() }), 2080),
    buildModule({ ...parts, imports: imports(2080) }),
  );
});

Deno.test("limitMemory() encodes the section's size anew where it takes more bytes", () => {
  const imports = [importedMemory(limits(1)), importedFunction("x".repeat(110), NO_TYPE)];
  const wasm = limitMemory(buildModule({ memories: [], imports, exports: pvfExports(1, false) }), 65536);
  assertEquals(memoryOf(wasm), [[1, 65536]]);
  new WebAssembly.Module(wasm as BufferSource);
});

Deno.test("limitMemory() makes modules that compile, for any limits", () => {
  fc.assert(
    fc.property(fc.nat(65536), fc.nat(65536), fc.boolean(), (one, other, imported) => {
      const [min, max] = one < other ? [one, other] : [other, one];
      const parts = imported ? { memories: [], imports: [importedMemory(limits(min))] } : { memories: [limits(min)] };
      const limited = limitMemory(buildModule(parts), max);
      new WebAssembly.Module(limited as BufferSource);
      assertEquals(memoryOf(limited), [[min, max]]);
    }),
  );
});

Deno.test("limitMemory() limits a real PVF", async () => {
  const wasm = limitMemory(decompressCode(await pvfCode(), 12 << 20), 2080);
  assertEquals(memoryOf(wasm), [[19, 2080]]);
});
