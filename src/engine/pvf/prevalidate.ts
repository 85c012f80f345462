/** Whether code has the form of a PVF, before any of it is compiled. */
import { PrepareFailure } from "../engine.ts";
import { SIGNATURES } from "./host_functions/signatures.ts";
import { readModule } from "./wasm_module.ts";
import type { WasmExport, WasmImport, WasmModule } from "./wasm_module.ts";

const ENTRY_POINT = "validate_block";
const ENTRY_POINT_TYPE = "(i32, i32) -> i64";
const HEAP_BASE = "__heap_base";
const MEMORY = "memory";

/** Throws `PrepareFailure` of the kind `prevalidation` unless `wasm` has the form of a PVF. */
export function prevalidate(wasm: Uint8Array, maxMemoryPages: number): void {
  const module = readModule(wasm);
  if (module.hasStartFunction) throw refused("it has a start function, none wanted");
  for (const entry of module.imports) checkImport(entry);
  checkMemory(module, maxMemoryPages);
  checkEntryPoint(module);
  const heapBase = exported(module, HEAP_BASE);
  if (heapBase.kind !== "global") throw refused(`its export ${HEAP_BASE} is a ${heapBase.kind}, a global wanted`);
}

function checkImport({ module, name, kind, functionType }: WasmImport): void {
  if (module !== "env") throw refused(`it imports ${module}.${name}, only imports from env wanted`);
  if (kind === "memory" && name !== MEMORY) {
    throw refused(`it imports a memory as env.${name}, env.${MEMORY} wanted`);
  }
  const wanted = kind === "function" ? SIGNATURES.get(name) : undefined;
  if (wanted !== undefined && functionType !== wanted) {
    throw refused(`it imports env.${name} with the type ${functionType}, ${wanted} wanted`);
  }
}

function checkMemory(module: WasmModule, maxPages: number): void {
  const [memory, ...others] = module.memories;
  if (memory === undefined) throw refused("it has no memory, one wanted");
  if (others.length > 0) throw refused(`it has ${module.memories.length} memories, one wanted`);
  if (memory.shared) throw refused("its memory is shared, one that is not shared wanted");
  if (memory.addressBits !== 32) {
    throw refused(`its memory has addresses of ${memory.addressBits} bits, 32 wanted`);
  }
  if (memory.minPages > maxPages) {
    throw refused(`its memory starts with ${memory.minPages} pages, at most ${maxPages} wanted`);
  }
  if (!memory.imported && exported(module, MEMORY).kind !== "memory") {
    throw refused(`its export ${MEMORY} is a ${exported(module, MEMORY).kind}, its memory wanted`);
  }
}

function checkEntryPoint(module: WasmModule): void {
  const { kind, index } = exported(module, ENTRY_POINT);
  if (kind !== "function") throw refused(`its export ${ENTRY_POINT} is a ${kind}, a function wanted`);
  const type = module.functionTypes[index];
  if (type === undefined) {
    throw refused(`its export ${ENTRY_POINT} is function ${index}, there are ${module.functionTypes.length} functions`);
  }
  if (type !== ENTRY_POINT_TYPE) {
    throw refused(`its export ${ENTRY_POINT} has the type ${type}, ${ENTRY_POINT_TYPE} wanted`);
  }
}

function exported(module: WasmModule, name: string): WasmExport {
  const found = module.exports.get(name);
  if (found === undefined) throw refused(`it does not export ${name}`);
  return found;
}

function refused(problem: string): PrepareFailure {
  return new PrepareFailure("prevalidation", `Cannot use the module as a PVF: ${problem}`);
}
