/** The types of functions in a WebAssembly binary. */
import { invalidModule } from "./wasm_reader.ts";
import type { WasmReader } from "./wasm_reader.ts";

const MAX_VALUES = 1_000;
const FUNCTION_FORM = 0x60;
const VALUE_TYPES = new Map([[0x7f, "i32"], [0x7e, "i64"], [0x7d, "f32"], [0x7c, "f64"]]);

/**
 * Reads a type that must be a function's, and writes it as `(i32, i32) -> i64`. Other types, vectors, references and several results
 * come with extensions of WebAssembly that are off for a PVF.
 */
export function readFunctionType(reader: WasmReader): string {
  const form = reader.u8("a type");
  if (form !== FUNCTION_FORM) {
    throw invalidModule(
      `the type at offset ${reader.offset - 1} has form 0x${form.toString(16)}, 0x60 (a function) wanted`,
    );
  }
  const parameters = readValueTypes(reader, "parameters");
  const results = readValueTypes(reader, "results");
  if (results.length > 1) {
    throw invalidModule(`a function type has ${results.length} results (${results.join(", ")}), at most 1 wanted`);
  }
  return `(${parameters.join(", ")}) -> ${results[0] ?? "()"}`;
}

function readValueTypes(reader: WasmReader, what: string): string[] {
  const types: string[] = [];
  reader.list(what, MAX_VALUES, () => {
    const byte = reader.u8("a value type");
    const type = VALUE_TYPES.get(byte);
    if (type === undefined) {
      throw invalidModule(
        `the value type 0x${byte.toString(16)} at offset ${reader.offset - 1} is not i32, i64, f32 or f64`,
      );
    }
    types.push(type);
  });
  return types;
}
