/** Assembles small WebAssembly modules, valid and not, for the tests. */

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
export const V128 = 0x7b;

/** Opcodes that the tests use. */
export const OP = {
  unreachable: 0x00,
  end: 0x0b,
  call: 0x10,
  drop: 0x1a,
  localGet: 0x20,
  i32Load: 0x28,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  i32DivU: 0x6e,
  i64ExtendI32U: 0xad,
} as const;

/** The parts of a module: a list of encoded entries for each section. What is left out is that of the smallest PVF. */
export interface ModuleParts {
  readonly types?: readonly Bytes[];
  readonly imports?: readonly Bytes[];
  /** The type of each function. */
  readonly functions?: readonly number[];
  readonly tables?: readonly Bytes[];
  readonly memories?: readonly Bytes[];
  readonly globals?: readonly Bytes[];
  readonly exports?: readonly Bytes[];
  readonly start?: number;
  readonly elements?: readonly Bytes[];
  /** How many segments of data are announced before the bodies, which bulk memory demands. */
  readonly dataCount?: number;
  readonly bodies?: readonly Bytes[];
  readonly data?: readonly Bytes[];
}

export type Bytes = readonly number[];

/** Where the data of the smallest PVF is. */
export const RESULT_POINTER = 16;
/** An encoded `ValidationResult` with the head data 42. */
export const RESULT: Bytes = [4, 42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/** The types of the smallest PVF, by number: `(i32, i32) -> i64`, `() -> ()`, `(i64) -> i32`, `(i32) -> i32`, `(i32, i64, i64) -> ()`. */
export const ENTRY_TYPE = 0;
export const NO_TYPE = 1;
export const DIGEST_TYPE = 2;
export const MALLOC_TYPE = 3;
export const LOG_TYPE = 4;

/** A module: that of a PVF that returns {@linkcode RESULT}, with other `parts` where given. */
export function buildModule(parts: ModuleParts = {}): Uint8Array<ArrayBuffer> {
  const { imports = [], functions = [ENTRY_TYPE], memories = [limits(1)], start } = parts;
  const importedFunctions = imports.filter((entry) => isFunctionImport(entry)).length;
  const ownMemory = memories.length > 0;
  const exports = parts.exports ?? pvfExports(importedFunctions, ownMemory);
  return joinSections([
    section(1, parts.types ?? DEFAULT_TYPES),
    section(2, imports),
    section(3, functions.map((type) => leb(type))),
    section(4, parts.tables ?? []),
    section(5, memories),
    section(6, parts.globals ?? [heapBase()]),
    section(7, exports),
    start === undefined ? [] : [8, ...sized(leb(start))],
    section(9, parts.elements ?? []),
    parts.dataCount === undefined ? [] : [12, ...sized(leb(parts.dataCount))],
    section(
      10,
      (parts.bodies ?? [returnSlice(RESULT_POINTER, RESULT.length)]).map((body) => sized([0, ...body, OP.end])),
    ),
    section(11, parts.data ?? [[0, OP.i32Const, ...sleb(RESULT_POINTER), OP.end, ...sized(RESULT)]]),
  ]);
}

/** Joins sections behind the magic number and the version. */
export function joinSections(sections: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

/** A section that is a list. There is none if the list is empty. */
export function section(id: number, entries: readonly Bytes[]): Bytes {
  return entries.length === 0 ? [] : [id, ...sized([...leb(entries.length), ...entries.flat()])];
}

const DEFAULT_TYPES = [
  functionType([I32, I32], [I64]),
  functionType([], []),
  functionType([I64], [I32]),
  functionType([I32], [I32]),
  functionType([I32, I64, I64], []),
];

/** What a PVF exports. */
export function pvfExports(importedFunctions = 0, ownMemory = true): Bytes[] {
  return [
    ...(ownMemory ? [exported("memory", 2, 0)] : []),
    exported("validate_block", 0, importedFunctions),
    exported("__heap_base", 3, 0),
  ];
}

/** The global `__heap_base`, 1,024. */
export function heapBase(): Bytes {
  return [I32, 0, OP.i32Const, ...sleb(1024), OP.end];
}

export function functionType(parameters: Bytes, results: Bytes): Bytes {
  return [0x60, ...sized(parameters), ...sized(results)];
}

export function exported(name: string, kind: number, index: number): Bytes {
  return [...text(name), kind, ...leb(index)];
}

export function importedFunction(name: string, type: number, module = "env"): Bytes {
  return [...text(module), ...text(name), 0, ...leb(type)];
}

export function importedMemory(memory: Bytes, name = "memory"): Bytes {
  return [...text("env"), ...text(name), 2, ...memory];
}

/** The limits of a memory. */
export function limits(min: number, max?: number, flags = 0): Bytes {
  return max === undefined ? [flags, ...leb(min)] : [flags | 1, ...leb(min), ...leb(max)];
}

/** Code that leaves a slice. */
export function returnSlice(pointer: number, length: number): Bytes {
  return [OP.i64Const, ...sleb(BigInt(length) << 32n | BigInt(pointer))];
}

/** A string with its length. */
export function text(value: string): Bytes {
  return sized([...new TextEncoder().encode(value)]);
}

export function sized(bytes: Bytes): Bytes {
  return [...leb(bytes.length), ...bytes];
}

export function leb(value: number): Bytes {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...leb(value >>> 7)];
}

/** Signed LEB128, which constants are in. */
export function sleb(value: number | bigint): Bytes {
  const wide = BigInt(value);
  const low = Number(wide & 0x7fn);
  const rest = wide >> 7n;
  const last = rest === (low >= 0x40 ? -1n : 0n);
  return last ? [low] : [low | 0x80, ...sleb(rest)];
}

function isFunctionImport(entry: Bytes): boolean {
  const nameAt = 1 + (entry[0] ?? 0);
  return entry[nameAt + 1 + (entry[nameAt] ?? 0)] === 0;
}
