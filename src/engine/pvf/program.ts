/** A prepared module, compiled. */
import { readModule } from "./wasm_module.ts";
import type { WasmMemory } from "./wasm_module.ts";

/** What instances are made of. */
export interface Program {
  readonly module: WebAssembly.Module;
  readonly memory: WasmMemory;
  readonly functionImports: readonly string[];
}

/** Compiles a module that went through `prevalidate`. Throws what the reader and the compiler throw. */
export function compile(wasm: Uint8Array): Program {
  const { imports, memories: [memory] } = readModule(wasm);
  if (memory === undefined) throw new WebAssembly.CompileError("it has no memory");
  return {
    module: new WebAssembly.Module(wasm as BufferSource),
    memory,
    functionImports: imports.filter(({ kind }) => kind === "function").map(({ name }) => name),
  };
}
