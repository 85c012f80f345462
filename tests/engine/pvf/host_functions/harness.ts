/** Host functions on a memory of their own, without any code that calls them. */
import { WasmCrypto } from "../../../../src/crypto/wasm_crypto.ts";
import { FreeingBumpAllocator } from "../../../../src/engine/pvf/allocator.ts";
import { GuestMemory } from "../../../../src/engine/pvf/guest_memory.ts";
import { hostFunctions } from "../../../../src/engine/pvf/host_functions/host_functions.ts";
import { wasmBytes } from "../../../testdata.ts";

/** A log entry. */
export type Entry = [level: number, target: string, message: string];

type Functions = Record<string, (...parameters: unknown[]) => unknown>;

/** Calls host functions the way code does. */
export class Harness {
  readonly memory = new GuestMemory();
  readonly allocator: FreeingBumpAllocator;
  readonly crypto: WasmCrypto = new WasmCrypto(wasmBytes);
  readonly log: Entry[] = [];
  readonly #functions: Functions;

  constructor() {
    this.memory.attach(new WebAssembly.Memory({ initial: 1, maximum: 1000 }));
    this.allocator = new FreeingBumpAllocator(this.memory, 1000);
    const log = { add: (...entry: Entry) => this.log.push(entry) };
    const context = { memory: this.memory, allocator: this.allocator, crypto: this.crypto, log };
    this.#functions = hostFunctions(context) as Functions;
  }

  /** Puts bytes into the memory. */
  pointer(bytes: Uint8Array): number {
    const pointer = this.allocator.allocate(bytes.length);
    this.memory.write(pointer, bytes);
    return pointer;
  }

  /** Puts bytes into the memory, and gives back pointer and length in one. */
  slice(bytes: Uint8Array): bigint {
    return BigInt(bytes.length) << 32n | BigInt(this.pointer(bytes));
  }

  call(name: string, ...parameters: unknown[]): unknown {
    return this.#functions[name]?.(...parameters);
  }

  /** What a function returns that gives back a pointer to `length` bytes. */
  bytes(length: number, name: string, ...parameters: unknown[]): string {
    return this.memory.read(this.call(name, ...parameters) as number, length).toHex();
  }

  /** What a function returns that gives back a slice. */
  slicedBytes(name: string, ...parameters: unknown[]): string {
    return this.memory.readSlice(this.call(name, ...parameters) as bigint).toHex();
  }
}

/** The bytes of hexadecimal digits, with or without a prefix. */
export function unhex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(digits.replace(/^0x/, ""));
}

/** The bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
