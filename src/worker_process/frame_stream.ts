/** The host's ends of a worker's pipes. */
import { decodeFrameBody, decodeFrameHeader, FRAME_HEADER_BYTES, type FrameKind, frameTag } from "../protocol/frame.ts";

/** The worker's output ended before a whole frame had come. */
export class EndOfOutput extends Error {
  override name = "EndOfOutput";
}

/** The worker wrote something, or ended its output, before it was asked for anything. It is of no use any more. */
export class UnaskedOutput extends Error {
  override name = "UnaskedOutput";
}

/** What came where one kind of message was wanted, and another may come in its place. */
export type Received<T, U> = { readonly came: "wanted"; readonly message: T } | {
  readonly came: "instead";
  readonly message: U;
};

/**
 * Frames that come from a worker. What comes is untrusted: a length is believed only up to the cap of the wanted kind, and what comes
 * before a message is asked for is none.
 */
export class FrameSource {
  readonly #reader: ReadableStreamBYOBReader;
  readonly #onUnasked: () => void;
  /** The first bytes of what comes next, none at the end of the output. They are waited for at all times, so that they are noticed. */
  #ahead!: Promise<Uint8Array>;
  #turn: "asked" | "idle" | "unasked" = "idle";

  /** `onUnasked` is told when something comes, or the output ends, while no message is asked for. */
  constructor(stream: ReadableStream<Uint8Array>, onUnasked: () => void = () => {}) {
    this.#reader = stream.getReader({ mode: "byob" });
    this.#onUnasked = onUnasked;
    this.#lookAhead();
  }

  /**
   * The next message, which must be of this kind. Throws {@linkcode EndOfOutput}, {@linkcode UnaskedOutput}, `FrameError` or
   * `ScaleError`, after which there is no next message.
   */
  async next<T>(kind: FrameKind<T>): Promise<T> {
    return this.#answered(await this.#body(kind, await this.#header(kind)));
  }

  /** The next message, which must be of the wanted kind or of the other that may come instead. Throws what `next` throws. */
  async nextOr<T, U>(wanted: FrameKind<T>, instead: FrameKind<U>): Promise<Received<T, U>> {
    const header = await this.#header(wanted);
    // The tag tells which of the two it must be; whatever it is else, it is not what was wanted.
    const received: Received<T, U> = frameTag(header) === instead.tag
      ? { came: "instead", message: await this.#body(instead, header) }
      : { came: "wanted", message: await this.#body(wanted, header) };
    return this.#answered(received);
  }

  /** Gives the stream up: what is still coming is not wanted. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  #lookAhead(): void {
    this.#ahead = this.#readAhead();
    // Whoever asks for a message is told; perhaps nobody ever does.
    this.#ahead.catch(() => {});
  }

  async #readAhead(): Promise<Uint8Array> {
    try {
      const { value } = await this.#reader.read(new Uint8Array(FRAME_HEADER_BYTES));
      return value ?? new Uint8Array();
    } finally {
      if (this.#turn === "idle") {
        this.#turn = "unasked";
        this.#onUnasked();
      }
    }
  }

  #answered<T>(message: T): T {
    this.#turn = "idle";
    this.#lookAhead();
    return message;
  }

  async #header(kind: FrameKind<unknown>): Promise<Uint8Array> {
    const isUnasked = this.#turn === "unasked";
    this.#turn = "asked";
    const ahead = await this.#ahead;
    if (isUnasked) throw new UnaskedOutput(`The worker ${describe(ahead)} before it was asked for ${kind.name}`);
    if (ahead.length === 0) throw endOfOutput(0, FRAME_HEADER_BYTES, kind);
    const header = new Uint8Array(FRAME_HEADER_BYTES);
    header.set(ahead);
    header.set(await this.#fill(FRAME_HEADER_BYTES - ahead.length, kind), ahead.length);
    return header;
  }

  async #body<T>(kind: FrameKind<T>, header: Uint8Array): Promise<T> {
    return decodeFrameBody(kind, await this.#fill(decodeFrameHeader(kind, header), kind));
  }

  async #fill(length: number, kind: FrameKind<unknown>): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array();
    const { value } = await this.#reader.read(new Uint8Array(length), { min: length });
    const read = value?.length ?? 0;
    if (read < length) throw endOfOutput(read, length, kind);
    return value as Uint8Array;
  }
}

function describe(ahead: Uint8Array): string {
  return ahead.length === 0 ? "ended its output" : `wrote 0x${ahead.toHex()}`;
}

function endOfOutput(read: number, wanted: number, kind: FrameKind<unknown>): EndOfOutput {
  return new EndOfOutput(`The output ended after ${read} of ${wanted} bytes of ${kind.name}`);
}
