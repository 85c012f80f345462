/** The host's ends of a worker's pipes. */
import { decodeFrameBody, decodeFrameHeader, FRAME_HEADER_BYTES, type FrameKind, frameTag } from "../protocol/frame.ts";

/** The worker's output ended before a whole frame had come. */
export class EndOfOutput extends Error {
  override name = "EndOfOutput";
}

/** What came where one kind of message was wanted, and another may come in its place. */
export type Received<T, U> = { readonly came: "wanted"; readonly message: T } | {
  readonly came: "instead";
  readonly message: U;
};

/** Frames that come from a worker. What comes is untrusted: a length is believed only up to the cap of the wanted kind. */
export class FrameSource {
  readonly #reader: ReadableStreamBYOBReader;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader({ mode: "byob" });
  }

  /**
   * The next message, which must be of this kind. Throws {@linkcode EndOfOutput}, `FrameError` or `ScaleError`.
   */
  async next<T>(kind: FrameKind<T>): Promise<T> {
    return await this.#body(kind, await this.#fill(FRAME_HEADER_BYTES, kind));
  }

  /** The next message, which must be of the wanted kind or of the other that may come instead. Throws what `next` throws. */
  async nextOr<T, U>(wanted: FrameKind<T>, instead: FrameKind<U>): Promise<Received<T, U>> {
    const header = await this.#fill(FRAME_HEADER_BYTES, wanted);
    // The tag tells which of the two it must be; whatever it is else, it is not what was wanted.
    if (frameTag(header) === instead.tag) return { came: "instead", message: await this.#body(instead, header) };
    return { came: "wanted", message: await this.#body(wanted, header) };
  }

  /** Gives the stream up: what is still coming is not wanted. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  async #body<T>(kind: FrameKind<T>, header: Uint8Array): Promise<T> {
    return decodeFrameBody(kind, await this.#fill(decodeFrameHeader(kind, header), kind));
  }

  async #fill(length: number, kind: FrameKind<unknown>): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array();
    const { value } = await this.#reader.read(new Uint8Array(length), { min: length });
    const read = value?.length ?? 0;
    if (read < length) throw new EndOfOutput(`The output ended after ${read} of ${length} bytes of ${kind.name}`);
    return value as Uint8Array;
  }
}
