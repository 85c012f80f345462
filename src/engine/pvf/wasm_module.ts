/** What a WebAssembly module says of itself: types, imports, exports, memories. Function bodies are left to the compiler. */
import { invalidModule, WasmReader } from "./wasm_reader.ts";
import { readSections } from "./wasm_sections.ts";
import type { Section, Span } from "./wasm_sections.ts";
import { readFunctionType } from "./wasm_types.ts";

export interface WasmModule {
  readonly imports: readonly WasmImport[];
  /** The types of all functions, the imported ones first, written as `(i32, i32) -> i64`. */
  readonly functionTypes: readonly string[];
  /** All memories, the imported ones first. */
  readonly memories: readonly WasmMemory[];
  readonly exports: ReadonlyMap<string, WasmExport>;
  readonly hasStartFunction: boolean;
}

export type ExternalKind = "function" | "table" | "memory" | "global" | "tag";

export interface WasmImport {
  readonly module: string;
  readonly name: string;
  readonly kind: "function" | "memory";
  /** The type of an imported function. */
  readonly functionType?: string;
}

export interface WasmExport {
  readonly kind: ExternalKind;
  /** Which one of its kind, the imported ones counted first. */
  readonly index: number;
}

export interface WasmMemory {
  readonly imported: boolean;
  readonly shared: boolean;
  /** 64 for a memory whose addresses have 64 bits. */
  readonly addressBits: 32 | 64;
  readonly minPages: number;
  readonly maxPages?: number;
  /** Where its limits stand in the binary, and the section around them. */
  readonly limits: Span;
  readonly section: Section;
}

const KINDS: readonly ExternalKind[] = ["function", "table", "memory", "global", "tag"];
/** What no real module comes near: a crafted one must be refused, and not fill the memory of the process that reads it. */
const MAX_TYPES = 100_000;
const MAX_IMPORTS = 100_000;
const MAX_FUNCTIONS = 1_000_000;
const MAX_MEMORIES = 1_000;
const MAX_EXPORTS = 100_000;

const HAS_MAXIMUM = 1;
const SHARED = 2;
const ADDRESSES_OF_64_BITS = 4;

/** Reads a module, or throws `PrepareFailure` of the kind `prevalidation`. */
export function readModule(wasm: Uint8Array): WasmModule {
  const parts = new ModuleParts();
  for (const section of readSections(wasm)) {
    const reader = new WasmReader(wasm, section.start, section.end);
    if (parts.read(section, reader) && reader.remaining > 0) {
      throw invalidModule(`the ${section.name} section has ${reader.remaining} bytes left over`);
    }
  }
  return parts;
}

class ModuleParts implements WasmModule {
  readonly imports: WasmImport[] = [];
  readonly functionTypes: string[] = [];
  readonly memories: WasmMemory[] = [];
  readonly exports: Map<string, WasmExport> = new Map();
  hasStartFunction = false;
  readonly #types: string[] = [];

  /** Reads a section, and tells whether it is one to be read. */
  read(section: Section, reader: WasmReader): boolean {
    switch (section.name) {
      case "type":
        reader.list("types", MAX_TYPES, () => this.#types.push(readFunctionType(reader)));
        return true;
      case "import":
        reader.list("imports", MAX_IMPORTS, () => this.imports.push(this.#readImport(reader, section)));
        return true;
      case "function":
        reader.list("functions", MAX_FUNCTIONS, () => this.functionTypes.push(this.#readTypeIndex(reader)));
        return true;
      case "memory":
        reader.list("memories", MAX_MEMORIES, () => this.memories.push(readMemory(reader, section)));
        return true;
      case "export":
        reader.list(
          "exports",
          MAX_EXPORTS,
          () => this.exports.set(reader.name("an export's name"), readExport(reader)),
        );
        return true;
      case "start":
        this.hasStartFunction = true;
        return false;
      default:
        return false;
    }
  }

  #readImport(reader: WasmReader, section: Section): WasmImport {
    const module = reader.name("an import's module");
    const name = reader.name("an import's name");
    const kind = readKind(reader);
    if (kind === "function") {
      const functionType = this.#readTypeIndex(reader);
      this.functionTypes.push(functionType);
      return { module, name, kind, functionType };
    }
    if (kind !== "memory") {
      throw invalidModule(`the import ${module}.${name} is a ${kind}, a function or a memory wanted`);
    }
    this.memories.push(readMemory(reader, section));
    return { module, name, kind };
  }

  #readTypeIndex(reader: WasmReader): string {
    const index = reader.u32("a function's type");
    const type = this.#types[index];
    if (type !== undefined) return type;
    throw invalidModule(`a function has type ${index}, there are ${this.#types.length} types`);
  }
}

function readKind(reader: WasmReader): ExternalKind {
  const byte = reader.u8("a kind");
  const kind = KINDS[byte];
  if (kind !== undefined) return kind;
  throw invalidModule(`kind ${byte} at offset ${reader.offset - 1} is unknown, 0 to ${KINDS.length - 1} wanted`);
}

function readExport(reader: WasmReader): WasmExport {
  return { kind: readKind(reader), index: reader.u32("an export's index") };
}

function readMemory(reader: WasmReader, section: Section): WasmMemory {
  const start = reader.offset;
  const { flags, min, max } = readLimits(reader);
  return {
    imported: section.name === "import",
    shared: (flags & SHARED) !== 0,
    addressBits: (flags & ADDRESSES_OF_64_BITS) === 0 ? 32 : 64,
    minPages: min,
    ...(max === undefined ? {} : { maxPages: max }),
    limits: { start, end: reader.offset },
    section,
  };
}

function readLimits(reader: WasmReader): { flags: number; min: number; max: number | undefined } {
  const flags = reader.u8("the flags of limits");
  if (flags > (HAS_MAXIMUM | SHARED | ADDRESSES_OF_64_BITS)) {
    throw invalidModule(`the limits at offset ${reader.offset - 1} have flags ${flags}, 0 to 7 wanted`);
  }
  const min = reader.u32("a minimum");
  return { flags, min, max: (flags & HAS_MAXIMUM) === 0 ? undefined : reader.u32("a maximum") };
}
