import { deadline } from "@std/async/deadline";

/** How long a stream may go on when its process has ended, in milliseconds. */
const END_GRACE_MS = 1_000;

/** How much is read at a time: all that a pipe holds. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The end of what a worker writes to its standard error: always drained, so that it never blocks, and never kept whole. A flood costs no
 * memory, since one buffer is read into again and again.
 */
export class OutputTail {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #tail: Uint8Array;
  #length = 0;
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;

  /** `stream` has to be one of bytes. */
  constructor(stream: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#tail = new Uint8Array(maxBytes);
    this.#reader = stream.getReader({ mode: "byob" });
    this.ended = this.#drain();
    // A pipe that breaks has told what it had to tell.
    this.ended.catch(() => {});
  }

  /** The last bytes, as text. */
  get text(): string {
    return new TextDecoder().decode(this.#tail.subarray(0, this.#length)).trim();
  }

  /** Waits for the end of the stream, once its process has ended. Whoever else holds the pipe open then is not waited for. */
  async end(): Promise<void> {
    await deadline(this.ended, END_GRACE_MS).catch(() => this.#reader.cancel());
  }

  async #drain(): Promise<void> {
    let buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { value, done } = await this.#reader.read(buffer);
      if (done || value === undefined) return;
      this.#append(value);
      // Reading takes a buffer away and gives its memory back with the bytes.
      buffer = new Uint8Array(value.buffer);
    }
  }

  #append(bytes: Uint8Array): void {
    const added = bytes.subarray(-this.#tail.length);
    const kept = Math.min(this.#length, this.#tail.length - added.length);
    this.#tail.copyWithin(0, this.#length - kept, this.#length);
    this.#tail.set(added, kept);
    this.#length = kept + added.length;
  }
}
