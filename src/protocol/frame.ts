/**
 * Frames: what host and worker say to each other over the worker's standard input and output. A frame is a u32 little-endian length,
 * then that many bytes: a tag that says which kind of message it is, and the SCALE-encoded message.
 */
import { type Codec, decode, encode } from "./scale.ts";

/** A frame that is not what the receiver may be sent. */
export class FrameError extends Error {
  override name = "FrameError";
}

/** One kind of message: its tag, how it is encoded, and the most bytes that it may take. */
export interface FrameKind<T> {
  readonly name: string;
  readonly tag: number;
  /** The most bytes of an encoded message. A frame that announces more is refused before anything is read or allocated for it. */
  readonly maxBytes: number;
  readonly codec: Codec<T>;
}

/** The length and the tag: what has to be read before a receiver knows what is coming. */
export const FRAME_HEADER_BYTES = 5;

const TAG_AT = 4;

/** A whole frame. */
export function encodeFrame<T>(kind: FrameKind<T>, message: T): Uint8Array<ArrayBuffer> {
  const body = encode(kind.codec, message);
  if (body.length > kind.maxBytes) {
    throw new FrameError(`Cannot send ${kind.name}: ${body.length} bytes, at most ${kind.maxBytes} wanted`);
  }
  const frame = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length + 1, true);
  frame[TAG_AT] = kind.tag;
  frame.set(body, FRAME_HEADER_BYTES);
  return frame;
}

/** The tag that a header announces, for a receiver that may be sent more than one kind. */
export function frameTag(header: Uint8Array): number | undefined {
  return header[TAG_AT];
}

/**
 * How many bytes of message follow a header, which must announce the wanted kind: a conversation is so strict that either side
 * always knows what may come next.
 */
export function decodeFrameHeader(kind: FrameKind<unknown>, header: Uint8Array): number {
  if (header.length !== FRAME_HEADER_BYTES) {
    throw new FrameError(
      `Cannot read ${kind.name}: the header has ${header.length} bytes, ${FRAME_HEADER_BYTES} wanted`,
    );
  }
  const length = new DataView(header.buffer, header.byteOffset).getUint32(0, true);
  if (length === 0) throw new FrameError(`Cannot read ${kind.name}: the frame is empty, at least its tag wanted`);
  if (frameTag(header) !== kind.tag) {
    throw new FrameError(`Cannot read ${kind.name}: tag ${frameTag(header)}, ${kind.tag} wanted`);
  }
  if (length - 1 > kind.maxBytes) {
    throw new FrameError(`Cannot read ${kind.name}: ${length - 1} bytes announced, at most ${kind.maxBytes} wanted`);
  }
  return length - 1;
}

/** The message that a frame's body holds. Throws `ScaleError` if it does not fit. */
export function decodeFrameBody<T>(kind: FrameKind<T>, body: Uint8Array): T {
  return decode(kind.codec, body, kind.name);
}
