/** The instructions of the bulk memory extension. */
import { extension } from "./wasm_extension.ts";
import { WasmReader } from "./wasm_reader.ts";

/** The byte before the number of an instruction that came after WebAssembly 1.0 and is no vector's, reference's or thread's. */
export const PREFIX = 0xfc;

/** The extension's name where it is refused, and what would allow it. */
export const BULK_MEMORY = "bulk memory, which the executor parameter WasmExtBulkMemory allows";

const SEGMENT = 1;
const MEMORY = 2;

/** What follows an instruction's number. */
const OPERANDS: ReadonlyMap<number, readonly number[]> = new Map([
  [8, [SEGMENT, MEMORY]], // memory.init
  [9, [SEGMENT]], // data.drop
  [10, [MEMORY, MEMORY]], // memory.copy
  [11, [MEMORY]], // memory.fill
]);
const FIRST = 8;
const FIRST_FOR_TABLES = 12;
const LAST_FOR_TABLES = 17;

/** The offset after the instruction of this extension whose number is at `at`; there is none if it is another's. */
export function afterBulkMemory(wasm: Uint8Array, at: number, end: number): number | undefined {
  const reader = new WasmReader(wasm, at, end);
  const operands = OPERANDS.get(reader.u32("an instruction"));
  if (operands === undefined) return undefined;
  for (const operand of operands) {
    if (operand === SEGMENT) reader.u32("a segment's number");
    else if (reader.u8("a memory's number") !== 0) throw extension("several memories", reader.offset - 1);
  }
  return reader.offset;
}

/** The extension that the instruction whose number is at `at` belongs to. */
export function nameOfPrefixed(wasm: Uint8Array, at: number, end: number): string {
  const number = new WasmReader(wasm, at, end).u32("an instruction");
  if (number < FIRST) return "saturating conversions";
  if (OPERANDS.has(number)) return BULK_MEMORY;
  const isForTables = number >= FIRST_FOR_TABLES && number <= LAST_FOR_TABLES;
  return isForTables ? "references or bulk tables" : `instruction 0xfc ${number}`;
}
