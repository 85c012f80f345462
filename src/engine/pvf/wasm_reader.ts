/** Reads an untrusted WebAssembly binary, never out of bounds. */
import { PrepareFailure } from "../engine.ts";

/** A position in a part of a binary. Offsets in messages are those of the whole binary. */
export class WasmReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** The next `length` bytes, as a view and not a copy. */
  take(length: number, what: string): Uint8Array {
    if (length > this.remaining) {
      throw invalidModule(
        `${what} at offset ${this.#offset} takes ${length} bytes, ${this.remaining} left: it is truncated`,
      );
    }
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  u8(what: string): number {
    if (this.#offset >= this.#end) this.take(1, what);
    return this.#bytes[this.#offset++] ?? 0;
  }

  /** A u32 in LEB128: seven bits a byte, the lowest first, at most five bytes. */
  u32(what: string): number {
    const start = this.#offset;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8(what);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value >= 2 ** 32) break;
        return value;
      }
    }
    throw invalidModule(`${what} at offset ${start} does not fit 32 bits`);
  }

  name(what: string): string {
    const bytes = this.take(this.u32(what), what);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw invalidModule(`${what} at offset ${this.#offset - bytes.length} is not UTF-8`);
    }
  }

  /** Calls `read` as often as the number that comes next says, which may be `most`. */
  list(what: string, most: number, read: () => void): void {
    const length = this.u32(`the number of ${what}`);
    if (length > most) throw invalidModule(`it has ${length} ${what}, at most ${most} wanted`);
    for (let index = 0; index < length; index++) read();
  }
}

/** The failure of bytes that are not a WebAssembly module of the form that a PVF has. */
export function invalidModule(problem: string): PrepareFailure {
  return new PrepareFailure("prevalidation", `Cannot read the module: ${problem}`);
}
