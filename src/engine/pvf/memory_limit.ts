/** Sets how far a module's memory may grow. */
import { concat } from "./concat.ts";
import { readModule } from "./wasm_module.ts";
import type { WasmMemory } from "./wasm_module.ts";

const HAS_MAXIMUM = 1;

/** `wasm` with its memories' maximum replaced by `maxMemoryPages`, whether it declares one or not. The minimum stays. */
export function limitMemory(wasm: Uint8Array, maxMemoryPages: number): Uint8Array {
  const [memory] = readModule(wasm).memories;
  return memory === undefined ? wasm : withLimits(wasm, memory, maxMemoryPages);
}

function withLimits(wasm: Uint8Array, memory: WasmMemory, maxPages: number): Uint8Array {
  const { limits, section } = memory;
  const encoded = [HAS_MAXIMUM, ...leb128(memory.minPages), ...leb128(maxPages)];
  const size = section.end - section.start - (limits.end - limits.start) + encoded.length;
  return concat([
    wasm.subarray(0, section.header + 1),
    leb128(size),
    wasm.subarray(section.start, limits.start),
    encoded,
    wasm.subarray(limits.end),
  ]);
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push(value % 0x80 | 0x80);
  return [...bytes, value];
}
