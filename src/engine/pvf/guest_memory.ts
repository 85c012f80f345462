/** The memory of the code that runs, from the host's side. */
import { ExecuteFailure } from "../engine.ts";

const PAGE_BYTES = 65536;

/** Bounds-checked access to the memory of one instance. Whatever is out of bounds is the code's doing: a trap. */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  #view: DataView = new DataView(new ArrayBuffer());
  /** Splits an i64 into its halves, which is many times faster than shifting a bigint. */
  readonly #wide = new BigInt64Array(1);
  readonly #halves = new Uint32Array(this.#wide.buffer);

  /** Says which memory it is. An instance may bring its own, but needs the functions that access it in order to come into being. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
    this.#refresh();
  }

  /** All of it, as a view that is not to be kept: it is empty as soon as the memory has grown. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  /** The same as {@linkcode bytes}, for numbers. */
  get view(): DataView {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#view;
  }

  get byteLength(): number {
    return this.bytes.length;
  }

  get pages(): number {
    return this.byteLength / PAGE_BYTES;
  }

  /** Throws `ExecuteFailure` of the kind `resources` if the machine has no more memory to give. */
  grow(pages: number): void {
    try {
      this.#memory?.grow(pages);
    } catch (error) {
      throw new ExecuteFailure("resources", `Cannot grow the memory from ${this.pages} pages by ${pages}`, {
        cause: error,
      });
    }
  }

  /** The bytes of a pointer and a length, as a view that is not to be kept. */
  read(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    const start = pointer >>> 0;
    const bytes = this.bytes;
    if (start + length > bytes.length) throw outOfBounds(start, length, bytes.length);
    return bytes.subarray(start, start + length);
  }

  /** The bytes of a slice, which is a pointer in the low half and a length in the high half. */
  readSlice(slice: bigint): Uint8Array<ArrayBuffer> {
    this.#wide[0] = slice;
    return this.read(this.#halves[0] ?? 0, this.#halves[1] ?? 0);
  }

  write(pointer: number, data: Uint8Array): void {
    const start = pointer >>> 0;
    const bytes = this.bytes;
    if (start + data.length > bytes.length) throw outOfBounds(start, data.length, bytes.length);
    bytes.set(data, start);
  }

  #refresh(): void {
    if (this.#memory === undefined) return;
    this.#bytes = new Uint8Array(this.#memory.buffer as ArrayBuffer);
    this.#view = new DataView(this.#memory.buffer);
  }
}

function outOfBounds(pointer: number, length: number, size: number): ExecuteFailure {
  return new ExecuteFailure(
    "trap",
    `Cannot access ${length} bytes at ${pointer} of the code's memory: it has ${size} bytes`,
  );
}
