/**
 * Whether code keeps to WebAssembly 1.0. Upstream switches every extension off, so that all validators agree, and refuses code that
 * uses one; V8 knows them all. Letting one pass would do worse than to promise too much: code that can catch exceptions could
 * swallow the failures of host functions. Bulk memory alone can be switched on, for all validators at once, by an executor parameter.
 */
import { afterBulkMemory, BULK_MEMORY, nameOfPrefixed, PREFIX } from "./bulk_memory.ts";
import { extension } from "./wasm_extension.ts";
import { invalidModule, WasmReader } from "./wasm_reader.ts";
import type { Section } from "./wasm_sections.ts";
import { readSections } from "./wasm_sections.ts";

/** What follows an instruction's number. Zero stands for an instruction that WebAssembly 1.0 does not have. */
const NOTHING = 1;
const INDEX = 2;
const MEMORY_ARGUMENT = 3;
const BLOCK_TYPE = 4;
const LABELS = 5;
const TYPE_AND_TABLE = 6;
const FOUR_BYTES = 7;
const EIGHT_BYTES = 8;
const MEMORY_INDEX = 9;
const PREFIXED = 10;

const OPERANDS = operands([
  [0x00, 0x01, NOTHING], // unreachable, nop
  [0x02, 0x04, BLOCK_TYPE], // block, loop, if
  [0x05, 0x05, NOTHING], // else
  [0x0b, 0x0b, NOTHING], // end
  [0x0c, 0x0d, INDEX], // br, br_if
  [0x0e, 0x0e, LABELS], // br_table
  [0x0f, 0x0f, NOTHING], // return
  [0x10, 0x10, INDEX], // call
  [0x11, 0x11, TYPE_AND_TABLE], // call_indirect
  [0x1a, 0x1b, NOTHING], // drop, select
  [0x20, 0x24, INDEX], // local.get to global.set
  [0x28, 0x3e, MEMORY_ARGUMENT], // loads and stores
  [0x3f, 0x40, MEMORY_INDEX], // memory.size, memory.grow
  [0x41, 0x42, INDEX], // i32.const, i64.const
  [0x43, 0x43, FOUR_BYTES], // f32.const
  [0x44, 0x44, EIGHT_BYTES], // f64.const
  [0x45, 0xbf, NOTHING], // comparisons, arithmetic, conversions
  [PREFIX, PREFIX, PREFIXED], // bulk memory, and what stays refused
]);

/** The extensions that the other instructions belong to. */
const EXTENSIONS: readonly [first: number, last: number, name: string][] = [
  [0x06, 0x0a, "exceptions"],
  [0x12, 0x15, "tail calls or typed references"],
  [0x18, 0x19, "exceptions"],
  [0x1c, 0x1c, "references"],
  [0x1f, 0x1f, "exceptions"],
  [0x25, 0x26, "references"],
  [0xc0, 0xc4, "sign extension"],
  [0xd0, 0xd6, "references"],
  [0xfb, 0xfb, "garbage collection"],
  [0xfd, 0xfd, "SIMD"],
  [0xfe, 0xfe, "threads"],
];

/** The instructions that a constant may be. */
const CONSTANTS: ReadonlyMap<number, number> = new Map([
  [0x23, INDEX], // global.get
  [0x41, INDEX], // i32.const
  [0x42, INDEX], // i64.const
  [0x43, FOUR_BYTES], // f32.const
  [0x44, EIGHT_BYTES], // f64.const
]);
const END = 0x0b;
const FUNCTION_TABLE = 0x70;
const NO_RESULT = 0x40;
const FIRST_VALUE_TYPE = 0x7c;
const LAST_VALUE_TYPE = 0x7f;

/** The forms that a segment may have. All but the first come with bulk memory. */
const ACTIVE = 0;
const PASSIVE = 1;
const ACTIVE_IN_MEMORY = 2;

/**
 * Throws `PrepareFailure` of the kind `prevalidation` if `wasm`, which has been compiled, uses an extension, other than that of bulk
 * memory where this is allowed.
 */
export function checkInstructions(wasm: Uint8Array, bulkMemory: boolean): void {
  for (const section of readSections(wasm)) {
    if (section.name === "data count" && !bulkMemory) throw extension(BULK_MEMORY, section.header);
    if (section.name === "code") checkCode(wasm, section, bulkMemory);
    if (section.name === "element" || section.name === "data") checkSegments(wasm, section, bulkMemory);
    if (section.name === "table") checkTables(wasm, section);
    if (section.name === "global") checkGlobals(wasm, section);
  }
}

function checkCode(wasm: Uint8Array, section: Section, bulkMemory: boolean): void {
  const reader = new WasmReader(wasm, section.start, section.end);
  reader.list("functions", Infinity, () => {
    const size = reader.u32("the size of a function");
    const start = reader.offset;
    reader.take(size, "a function");
    const body = new WasmReader(wasm, start, reader.offset);
    body.list("groups of locals", Infinity, () => {
      body.u32("a number of locals");
      const type = body.u8("a local's type");
      if (type < FIRST_VALUE_TYPE || type > LAST_VALUE_TYPE) throw extension("references or SIMD", body.offset - 1);
    });
    checkBody(wasm, body.offset, reader.offset, bulkMemory);
  });
}

/** Every instruction of every function comes by here, so bytes are read without a reader's checks: past the end they read as none. */
function checkBody(wasm: Uint8Array, start: number, end: number, bulkMemory: boolean): void {
  let at = start;
  while (at < end) {
    const opcode = wasm[at] ?? 0;
    switch (OPERANDS[opcode]) {
      case NOTHING:
        at += 1;
        break;
      case INDEX:
        at = afterNumber(wasm, at + 1);
        break;
      case MEMORY_ARGUMENT:
        at = afterNumber(wasm, afterNumber(wasm, at + 1));
        break;
      case BLOCK_TYPE:
        if (!isBlockType(wasm[at + 1] ?? 0)) throw extension("several results", at + 1);
        at += 2;
        break;
      case LABELS:
        at = afterLabels(wasm, at + 1, end);
        break;
      case TYPE_AND_TABLE:
        at = afterNumber(wasm, at + 1);
        // A table of its own comes with references, and so does a longer form of the number of the only one.
        if (wasm[at] !== 0) throw extension("references", at);
        at += 1;
        break;
      case FOUR_BYTES:
        at += 5;
        break;
      case EIGHT_BYTES:
        at += 9;
        break;
      case MEMORY_INDEX:
        if (wasm[at + 1] !== 0) throw extension("several memories", at + 1);
        at += 2;
        break;
      case PREFIXED:
        at = afterPrefixed(wasm, at + 1, end, bulkMemory);
        break;
      default:
        throw extension(nameOf(opcode), at);
    }
  }
  if (at !== end) throw invalidModule(`the function at offset ${start} ends in the middle of an instruction`);
}

/** The offset after an instruction whose prefix is before `at`. */
function afterPrefixed(wasm: Uint8Array, at: number, end: number, bulkMemory: boolean): number {
  const after = bulkMemory ? afterBulkMemory(wasm, at, end) : undefined;
  if (after === undefined) throw extension(nameOfPrefixed(wasm, at, end), at - 1);
  return after;
}

/** The offset after a number in LEB128, whatever its size. */
function afterNumber(wasm: Uint8Array, at: number): number {
  while ((wasm[at] ?? 0) >= 0x80) at++;
  return at + 1;
}

function afterLabels(wasm: Uint8Array, at: number, end: number): number {
  const reader = new WasmReader(wasm, at, end);
  const labels = reader.u32("the number of labels");
  let after = reader.offset;
  // One more is the default.
  for (let label = 0; label <= labels && after < end; label++) after = afterNumber(wasm, after);
  return after;
}

function isBlockType(byte: number): boolean {
  return byte === NO_RESULT || (byte >= FIRST_VALUE_TYPE && byte <= LAST_VALUE_TYPE);
}

function checkTables(wasm: Uint8Array, section: Section): void {
  const reader = new WasmReader(wasm, section.start, section.end);
  if (reader.u32("the number of tables") > 1) throw extension("several tables", section.start);
  if (reader.remaining > 0 && reader.u8("a table's type") !== FUNCTION_TABLE) {
    throw extension("references", reader.offset - 1);
  }
}

function checkGlobals(wasm: Uint8Array, section: Section): void {
  const reader = new WasmReader(wasm, section.start, section.end);
  reader.list("globals", Infinity, () => {
    const type = reader.u8("a global's type");
    if (type < FIRST_VALUE_TYPE || type > LAST_VALUE_TYPE) throw extension("references or SIMD", reader.offset - 1);
    reader.u8("whether a global changes");
    skipConstant(wasm, reader);
  });
}

/** Each segment starts with a number that was the memory's or table's before it came to tell forms apart. */
function checkSegments(wasm: Uint8Array, section: Section, bulkMemory: boolean): void {
  const reader = new WasmReader(wasm, section.start, section.end);
  reader.list("segments", Infinity, () => {
    if (section.name === "data") skipPlace(wasm, reader, bulkMemory);
    else skipPlaceInTable(wasm, reader);
    const length = reader.u32("the length of a segment");
    if (section.name === "data") reader.take(length, "a segment");
    else for (let index = 0; index < length; index++) reader.u32("a function of a segment");
  });
}

/** Where data goes, if it is there from the start. */
function skipPlace(wasm: Uint8Array, reader: WasmReader, bulkMemory: boolean): void {
  const form = reader.u32("a segment's form");
  if (form !== ACTIVE && !(bulkMemory && form <= ACTIVE_IN_MEMORY)) throw extension(BULK_MEMORY, reader.offset - 1);
  if (form === PASSIVE) return;
  if (form === ACTIVE_IN_MEMORY && reader.u8("a memory's number") !== 0) {
    throw extension("several memories", reader.offset - 1);
  }
  skipConstant(wasm, reader);
}

/** Other forms do for tables what bulk memory does for memory. No compiler makes them of a PVF. */
function skipPlaceInTable(wasm: Uint8Array, reader: WasmReader): void {
  if (reader.u32("a segment's form") !== ACTIVE) throw extension("references or bulk tables", reader.offset - 1);
  skipConstant(wasm, reader);
}

/** A value that is known before anything runs: one constant or one global, and an end. */
function skipConstant(wasm: Uint8Array, reader: WasmReader): void {
  const start = reader.offset;
  const opcode = reader.u8("a constant");
  const operand = CONSTANTS.get(opcode);
  if (operand === undefined) throw extension("extended constants or references", start);
  const bytes = operand === INDEX ? afterNumber(wasm, reader.offset) - reader.offset : operand === FOUR_BYTES ? 4 : 8;
  reader.take(bytes, "a constant");
  if (reader.u8("the end of a constant") !== END) throw extension("extended constants", start);
}

function nameOf(opcode: number): string {
  const known = EXTENSIONS.find(([first, last]) => opcode >= first && opcode <= last);
  return known?.[2] ?? `instruction 0x${opcode.toString(16)}`;
}

function operands(ranges: readonly [first: number, last: number, operand: number][]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [first, last, operand] of ranges) table.fill(operand, first, last + 1);
  return table;
}
