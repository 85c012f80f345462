/** The PVFs of upstream's tests, written anew: `halt`, which never ends, and `adder`, a parachain that adds numbers. */
import { delay } from "@std/async/delay";
import type { ExecuteOptions } from "../../src/call_options.ts";
import { WasmCrypto } from "../../src/crypto/wasm_crypto.ts";
import { encodeValidationParams } from "../../src/protocol/validation_data.ts";
import {
  buildModule,
  type Bytes,
  DIGEST_TYPE,
  ENTRY_TYPE,
  exported,
  functionType,
  heapBase,
  I32,
  I64,
  importedFunction,
  joinSections,
  leb,
  limits,
  OP,
  section,
  sized,
  sleb,
} from "../engine/pvf/wasm_builder.ts";
import { wasmBytes } from "../testdata.ts";

const BLOCK = [0x40];
const LOOP_FOR_EVER: Bytes = [0x03, ...BLOCK, 0x0c, 0, OP.end, OP.unreachable];

/** `validate_block` loops for ever. */
export const HALT: Uint8Array = buildModule({ bodies: [LOOP_FOR_EVER] });

// The smallest assembler that makes the adder readable: an expression is the code that leaves its value.

const i32 = (value: number): Bytes => [OP.i32Const, ...sleb(value)];
const i64 = (value: number): Bytes => [OP.i64Const, ...sleb(value)];
const get = (local: number): Bytes => [OP.localGet, ...leb(local)];
const set = (local: number, value: Bytes): Bytes => [...value, 0x21, ...leb(local)];
const call = (index: number, ...parameters: Bytes[]): Bytes => [...parameters.flat(), OP.call, ...leb(index)];
const operator = (opcode: number) => (...operands: Bytes[]): Bytes => [...operands.flat(), opcode];
const load = (opcode: number) => (pointer: Bytes, offset: number): Bytes => [...pointer, opcode, 0, ...leb(offset)];
const store = (opcode: number) => (pointer: Bytes, offset: number, value: Bytes): Bytes => [
  ...pointer,
  ...value,
  opcode,
  0,
  ...leb(offset),
];
const trapIf = (condition: Bytes): Bytes => [...condition, 0x04, ...BLOCK, OP.unreachable, OP.end];
const i32LessThan = operator(0x49);
const i32NotEqual = operator(0x47);
const i64NotEqual = operator(0x52);
const i32Add = operator(0x6a);
const i64Add = operator(0x7c);
const i64Or = operator(0x84);
const i64ShiftLeft = operator(0x86);
const i64Extend = operator(OP.i64ExtendI32U);
const i32Load = load(OP.i32Load);
const i64Load = load(0x29);
const u8Load = load(0x2d);
const u16Load = load(0x2f);
const i32Store = store(0x36);
const i64Store = store(0x37);
const u16Store = store(0x3b);

/** A pointer and a length in one, as host functions take them and `validate_block` gives them back. */
const slice = (pointer: Bytes, length: number): Bytes => i64Or(i64Extend(pointer), i64ShiftLeft(i64(length), i64(32)));

/** A hash is four words of 64 bits. */
const WORDS = [0, 8, 16, 24];
const copyHash = (to: Bytes, toOffset: number, from: Bytes): Bytes =>
  WORDS.flatMap((word) => i64Store(to, toOffset + word, i64Load(from, word)));
const trapUnlessSameHash = (one: Bytes, oneOffset: number, other: Bytes): Bytes =>
  WORDS.flatMap((word) => trapIf(i64NotEqual(i64Load(one, oneOffset + word), i64Load(other, word))));

/** Where the parts of head data are: the number, the hash of the parent's head data, the hash of the state. */
const HEAD = { number: 0, parentHash: 8, postState: 40, bytes: 72 } as const;
/** The lengths of head data and of block data, as SCALE writes them. */
const COMPACT_72 = 72 << 2 | 1;
const COMPACT_16 = 16 << 2;
/** Where the parts of `ValidationParams` are, as all of them have a fixed length. */
const PARAMS = { parentHead: 2, blockLength: 74, state: 75, add: 83, relayParentNumber: 91, bytes: 127 } as const;
/** Where the parts of `ValidationResult` are. What is between head data and watermark is empty, and so 0. */
const RESULT = { headData: 2, hrmpWatermark: 81, bytes: 85 } as const;

/** The adder's `validate_block`, in the steps of upstream's. */
function addNumbers(): Bytes {
  const local = { params: 0, length: 1, digest: 2 };
  const params = get(local.params);
  const digest = get(local.digest);
  const keccak256 = (pointer: Bytes, length: number): Bytes => set(local.digest, call(0, slice(pointer, length)));
  // Below the heap: the result, then the new state.
  const result = i32(0);
  const newState = i32(128);
  return [
    // There are head data and a block of their fixed lengths in the parameters.
    trapIf(i32LessThan(get(local.length), i32(PARAMS.bytes))),
    trapIf(i32NotEqual(u16Load(params, 0), i32(COMPACT_72))),
    trapIf(i32NotEqual(u8Load(params, PARAMS.blockLength), i32(COMPACT_16))),
    // The block starts from the state that its parent ended with.
    keccak256(i32Add(params, i32(PARAMS.state)), 8),
    trapUnlessSameHash(params, PARAMS.parentHead + HEAD.postState, digest),
    // The new head.
    u16Store(result, 0, i32(COMPACT_72)),
    i64Store(
      result,
      RESULT.headData + HEAD.number,
      i64Add(i64Load(params, PARAMS.parentHead + HEAD.number), i64(1)),
    ),
    keccak256(i32Add(params, i32(PARAMS.parentHead)), HEAD.bytes),
    copyHash(result, RESULT.headData + HEAD.parentHash, digest),
    i64Store(newState, 0, i64Add(i64Load(params, PARAMS.state), i64Load(params, PARAMS.add))),
    keccak256(newState, 8),
    copyHash(result, RESULT.headData + HEAD.postState, digest),
    // The rest.
    i32Store(result, RESULT.hrmpWatermark, i32Load(params, PARAMS.relayParentNumber)),
    slice(result, RESULT.bytes),
  ].flat();
}

/** The adder: head data is a number and two hashes, a block is a state and what to add to it. */
export const ADDER: Uint8Array = joinSections([
  section(1, [functionType([I32, I32], [I64]), functionType([], []), functionType([I64], [I32])]),
  section(2, [importedFunction("ext_hashing_keccak_256_version_1", DIGEST_TYPE)]),
  section(3, [[ENTRY_TYPE]]),
  section(5, [limits(1)]),
  section(6, [heapBase()]),
  section(7, [exported("memory", 2, 0), exported("validate_block", 0, 1), exported("__heap_base", 3, 0)]),
  // One local besides the parameters.
  section(10, [sized([1, 1, I32, ...addNumbers(), OP.end])]),
]);

const hasher = new WasmCrypto(wasmBytes);

/** Keccak-256. */
export function keccak256(data: Uint8Array): Uint8Array {
  return hasher.keccak(data, 256);
}

/** A number as SCALE writes a `u64`. */
function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

/** What the adder's head data says of a state. */
export function hashState(state: bigint): Uint8Array {
  return keccak256(u64(state));
}

/** The adder's head data. */
export function adderHead(number: bigint, parentHash: Uint8Array, state: bigint): Uint8Array {
  return Uint8Array.of(...u64(number), ...parentHash, ...hashState(state));
}

/** The first head: number 0, no parent, state 0. */
export const ADDER_GENESIS: Uint8Array = adderHead(0n, new Uint8Array(32), 0n);

/** A block of the adder. */
export function adderBlock(state: bigint, add: bigint): Uint8Array {
  return Uint8Array.of(...u64(state), ...u64(add));
}

/** The parameters of upstream's tests: relay chain block 1, an empty storage root. */
export function validationParams(parentHead: Uint8Array, blockData: Uint8Array): Uint8Array {
  const relayParentStorageRoot = new Uint8Array(32);
  return encodeValidationParams({ parentHead, blockData, relayParentNumber: 1, relayParentStorageRoot });
}

/** How upstream's tests execute: for backing. `halt` does not look at the parameters, and the adder accepts them. */
export const GOOD_BLOCK: Pick<ExecuteOptions, "params" | "executionClass"> = {
  params: validationParams(ADDER_GENESIS, adderBlock(0n, 512n)),
  executionClass: "backing",
};

/**
 * Waits until each of these workers has used so much CPU time that it must be running `halt`, which has no other way to say so: the
 * workers have to be idle when this is called, and all that comes before the job takes less.
 */
export async function burning(pids: readonly number[]): Promise<void> {
  const before = pids.map(cpuTimeMs);
  while (pids.some((pid, index) => cpuTimeMs(pid) < (before[index] ?? 0) + 150)) await delay(5);
}

/** The CPU time that a process has used. Throws once it has ended. */
function cpuTimeMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // Behind the name, which may have anything in it, the 12th and 13th field, in hundredths of a second.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
