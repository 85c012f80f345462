/** The end of what a worker writes to its standard error: always drained, so that it never blocks, and never kept whole. */
export class OutputTail {
  readonly #maxBytes: number;
  #tail = new Uint8Array();
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.ended = this.#drain(stream);
  }

  /** The last bytes, as text. */
  get text(): string {
    return new TextDecoder().decode(this.#tail).trim();
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      const joined = new Uint8Array(this.#tail.length + chunk.length);
      joined.set(this.#tail);
      joined.set(chunk, this.#tail.length);
      this.#tail = joined.slice(-this.#maxBytes);
    }
  }
}
