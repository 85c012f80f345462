/** How much is read at a time: all that a pipe holds. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The end of what a worker writes to its standard error: always drained, so that it never blocks, and never kept whole. A flood costs no
 * memory, since one buffer is read into again and again.
 */
export class OutputTail {
  readonly #tail: Uint8Array;
  #length = 0;
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;

  /** `stream` has to be one of bytes. */
  constructor(stream: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#tail = new Uint8Array(maxBytes);
    this.ended = this.#drain(stream.getReader({ mode: "byob" }));
    // A pipe that breaks has told what it had to tell.
    this.ended.catch(() => {});
  }

  /** The last bytes, as text. */
  get text(): string {
    return new TextDecoder().decode(this.#tail.subarray(0, this.#length)).trim();
  }

  async #drain(reader: ReadableStreamBYOBReader): Promise<void> {
    let buffer = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const { value, done } = await reader.read(buffer);
      if (done) return;
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
