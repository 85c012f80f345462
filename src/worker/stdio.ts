/** Frames over the worker's own standard input and output, synchronously: a round trip is then a few microseconds of overhead. */
import {
  decodeFrameBody,
  decodeFrameHeader,
  encodeFrame,
  FRAME_HEADER_BYTES,
  type FrameKind,
} from "../protocol/frame.ts";

/** The next message, which must be of this kind, or `undefined` at the end of input. */
export function readMessage<T>(kind: FrameKind<T>): T | undefined {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  if (!fill(header)) return undefined;
  const body = new Uint8Array(decodeFrameHeader(kind, header));
  if (!fill(body)) throw new Error(`The host ended in the middle of ${kind.name}`);
  return decodeFrameBody(kind, body);
}

/** Sends a message. */
export function writeMessage<T>(kind: FrameKind<T>, message: T): void {
  let rest: Uint8Array = encodeFrame(kind, message);
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}

/** Whether there was enough input to fill `bytes`. */
function fill(bytes: Uint8Array): boolean {
  let filled = 0;
  while (filled < bytes.length) {
    const read = Deno.stdin.readSync(bytes.subarray(filled));
    if (read === null) return false;
    filled += read;
  }
  return true;
}
