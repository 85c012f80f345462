/** The modules that code mutations start from: small ones, which differ in what they use, and the real one. */
import { decompressCode } from "../../src/engine/pvf/blob.ts";
import { ADDER, HALT } from "../../tests/it/test_pvfs.ts";
import { pvfCode } from "../../tests/testdata.ts";
import {
  buildModule,
  type Bytes,
  DIGEST_TYPE,
  ENTRY_TYPE,
  functionType,
  I32,
  I64,
  importedFunction,
  importedMemory,
  leb,
  limits,
  LOG_TYPE,
  MALLOC_TYPE,
  NO_TYPE,
  OP,
  RESULT,
  RESULT_POINTER,
  returnSlice,
  sized,
  sleb,
} from "../../tests/engine/pvf/wasm_builder.ts";

const CODE_LIMIT_BYTES = 30 * 2 ** 20;

/** What is mutated. */
export type CodeBase = "smallest" | "adder" | "halt" | "busy" | "real";

const TYPES = [
  functionType([I32, I32], [I64]),
  functionType([], []),
  functionType([I64], [I32]),
  functionType([I32], [I32]),
  functionType([I32, I64, I64], []),
  functionType([I32], []),
  functionType([I64, I32], [I32]),
];
const FREE_TYPE = 5;
const ROOT_TYPE = 6;

const call = (index: number): Bytes => [OP.call, ...leb(index)];
const i32 = (value: number): Bytes => [OP.i32Const, ...sleb(value)];
const slice = (pointer: number, length: number): Bytes => returnSlice(pointer, length);
/** The parameters' pointer and length in one. */
const PARAMS_SLICE: Bytes = [
  OP.localGet,
  0,
  OP.i64ExtendI32U,
  OP.localGet,
  1,
  OP.i64ExtendI32U,
  OP.i64Const,
  32,
  0x86,
  0x84,
];
const TEXT_POINTER = 64;
const CALL_INDIRECT = 0x11;

/** Uses what the others do not: an imported memory, a table, indirect calls, growth, and host functions of all kinds. */
function busyModule(): Uint8Array<ArrayBuffer> {
  const validateBlock = [
    ...[...i32(64), ...call(0), ...call(1)],
    ...[...PARAMS_SLICE, ...call(2), OP.drop],
    ...[...i32(3), ...slice(TEXT_POINTER, 4), ...slice(TEXT_POINTER, 4), ...call(3)],
    // One item of one byte, as SCALE writes a list of it.
    ...[...slice(TEXT_POINTER + 4, 3), ...i32(0), ...call(4), OP.drop],
    ...[...i32(1), OP.memoryGrow, 0, OP.drop],
    ...[...i32(1), CALL_INDIRECT, ...leb(NO_TYPE), 0],
    ...slice(RESULT_POINTER, RESULT.length),
  ];
  return buildModule({
    types: TYPES,
    imports: [
      importedMemory(limits(2, 16)),
      importedFunction("ext_allocator_malloc_version_1", MALLOC_TYPE),
      importedFunction("ext_allocator_free_version_1", FREE_TYPE),
      importedFunction("ext_hashing_blake2_256_version_1", DIGEST_TYPE),
      importedFunction("ext_logging_log_version_1", LOG_TYPE),
      importedFunction("ext_trie_blake2_256_ordered_root_version_2", ROOT_TYPE),
      importedFunction("ext_storage_exists_version_1", DIGEST_TYPE),
    ],
    memories: [],
    functions: [ENTRY_TYPE, NO_TYPE],
    tables: [[0x70, ...limits(2, 4)]],
    elements: [[0, ...i32(0), OP.end, 2, 6, 7]],
    bodies: [validateBlock, []],
    data: [
      [0, ...i32(RESULT_POINTER), OP.end, ...sized(RESULT)],
      [0, ...i32(TEXT_POINTER), OP.end, ...sized([...new TextEncoder().encode("busy"), 4, 4, 42])],
    ],
  });
}

/** All of them. */
export async function codeBases(): Promise<Record<CodeBase, Uint8Array>> {
  return {
    smallest: buildModule(),
    adder: ADDER,
    halt: HALT,
    busy: busyModule(),
    real: decompressCode(await pvfCode(), CODE_LIMIT_BYTES),
  };
}
