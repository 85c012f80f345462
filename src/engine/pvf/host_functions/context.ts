/** What host functions work with. */
import type { WasmCrypto } from "../../../crypto/wasm_crypto.ts";
import type { LogSink } from "../../engine.ts";
import type { FreeingBumpAllocator } from "../allocator.ts";
import type { GuestMemory } from "../guest_memory.ts";

/** What the host functions of one instance share. */
export interface HostContext {
  readonly memory: GuestMemory;
  readonly allocator: FreeingBumpAllocator;
  readonly crypto: WasmCrypto;
  readonly log: LogSink;
}

/** Functions by the names that code imports them by. An i64 is a bigint, an i32 a number that may be negative. */
export type HostFunctions = Record<string, (...parameters: never[]) => number | bigint | void>;

/** Copies `bytes` to newly allocated memory of the code, whose pointer it returns. The code is to free it. */
export function returnBytes({ memory, allocator }: HostContext, bytes: Uint8Array): number {
  const pointer = allocator.allocate(bytes.length);
  memory.write(pointer, bytes);
  return pointer;
}

/** The same, for bytes whose number the code does not know: pointer and length in one. */
export function returnSlice(context: HostContext, bytes: Uint8Array): bigint {
  return BigInt(bytes.length) << 32n | BigInt(returnBytes(context, bytes));
}

const MAX_LOGGED_BYTES = 8 * 1024;

/** As much of `bytes` as a log would keep: code may print all of its memory. */
export function start(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, MAX_LOGGED_BYTES);
}
