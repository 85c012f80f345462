/** Zstandard, for input that nobody vouches for: every frame must be whole, and the output has a limit. */
import { concat } from "./concat.ts";

/** Bytes that cannot be decompressed, or that decompress to more than is allowed. */
export class DecompressionError extends Error {
  override name = "DecompressionError";
}

const FRAME_MAGIC = 0xfd2fb528;
/** Frames that hold no data have 16 magic numbers, which differ in the lowest four bits. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const RLE_BLOCK = 1;
const COMPRESSED_BLOCK = 2;
const RESERVED_BLOCK = 3;

/** A block that is compressed decompresses to at most this. */
const MAX_BLOCK_BYTES = 128 * 1024;
/** The least and the most memory that the decoder takes at a time for what it gives back. */
const MIN_CHUNK_BYTES = 64;
const MAX_CHUNK_BYTES = 1024 * 1024;

/** A frame that holds data, and the most that its blocks can decompress to. */
export interface Frame {
  readonly bytes: Uint8Array;
  readonly maxOutputBytes: number;
}

/** The data of all the frames in `input`, at most `limit` bytes. Throws {@linkcode DecompressionError}. */
export function decompress(input: Uint8Array, limit: number): Uint8Array {
  const frames = dataFrames(input);
  const outputs: Uint8Array[] = [];
  let left = limit;
  for (const frame of frames) {
    const output = decompressFrame(frame, left, limit);
    left -= output.length;
    outputs.push(output);
  }
  return outputs.length === 1 && outputs[0] !== undefined ? outputs[0] : concat(outputs);
}

/** The frames of `input` that hold data. Throws {@linkcode DecompressionError} unless `input` is whole frames only. */
export function dataFrames(input: Uint8Array): Frame[] {
  if (input.length === 0) throw new DecompressionError("Cannot decompress 0 bytes: a zstd frame wanted");
  const frames: Frame[] = [];
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  for (let start = 0; start < input.length;) {
    need(input, start, 4, "magic number");
    const magic = view.getUint32(start, true);
    const skippable = (magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC;
    if (!skippable && magic !== FRAME_MAGIC) {
      throw new DecompressionError(
        `Cannot decompress the bytes at offset ${start}: magic number ${hex(magic)} found, ${hex(FRAME_MAGIC)} wanted`,
      );
    }
    const { end, maxOutputBytes } = skippable ? skippableFrame(view, start) : dataFrame(view, start);
    need(input, start, end - start, skippable ? "skippable frame" : "checksum");
    if (!skippable) frames.push({ bytes: input.subarray(start, end), maxOutputBytes });
    start = end;
  }
  return frames;
}

/** Where a frame ends, and the most that it can decompress to. */
interface Extent {
  readonly end: number;
  readonly maxOutputBytes: number;
}

function skippableFrame(view: DataView, start: number): Extent {
  need(view, start, 8, "skippable frame's size");
  return { end: start + 8 + view.getUint32(start + 4, true), maxOutputBytes: 0 };
}

/** The extent of the frame at `start`, its checksum included: that may be beyond the input, but no block is. */
function dataFrame(view: DataView, start: number): Extent {
  let maxOutputBytes = 0;
  need(view, start, 5, "frame header");
  const descriptor = view.getUint8(start + 4);
  let at = start + 5 + headerFieldBytes(descriptor);
  for (let last = false; !last;) {
    need(view, at, 3, "block header");
    const header = view.getUint16(at, true) | view.getUint8(at + 2) << 16;
    const type = header >>> 1 & 3;
    if (type === RESERVED_BLOCK) {
      throw new DecompressionError(`Cannot decompress the block at offset ${at}: block type 3 found, 0 to 2 wanted`);
    }
    const size = header >>> 3;
    const bytes = type === RLE_BLOCK ? 1 : size;
    maxOutputBytes += type === COMPRESSED_BLOCK ? MAX_BLOCK_BYTES : size;
    need(view, at + 3, bytes, "block");
    at += 3 + bytes;
    last = (header & 1) === 1;
  }
  return { end: at + ((descriptor & 4) === 0 ? 0 : 4), maxOutputBytes };
}

/** How many bytes of a frame header follow its descriptor: window, dictionary and content size. */
function headerFieldBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >>> 6;
  const sizeBytes = sizeFlag === 0 ? Number(singleSegment) : 1 << sizeFlag;
  return (singleSegment ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + sizeBytes;
}

function need(input: { byteLength: number }, at: number, bytes: number, what: string): void {
  const left = Math.max(0, input.byteLength - at);
  if (bytes > left) {
    throw new DecompressionError(
      `Cannot decompress ${input.byteLength} bytes: the ${what} at offset ${at} takes ${bytes} bytes, ${left} left`,
    );
  }
}

function decompressFrame({ bytes, maxOutputBytes }: Frame, left: number, limit: number): Uint8Array {
  // A static import of `node:zlib` makes every worker start 25 ms later, also where nothing is compressed.
  const { zstdDecompressSync } = process.getBuiltinModule("node:zlib");
  try {
    // A limit of 0 is refused there, and an empty frame needs no byte. Without a chunk size, each of many small frames takes 16 KiB.
    const chunkSize = Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, maxOutputBytes));
    const { buffer, byteOffset, length } = zstdDecompressSync(bytes, { chunkSize, maxOutputLength: Math.max(1, left) });
    if (length > left) throw overLimit(limit);
    const output = new Uint8Array(buffer, byteOffset, length);
    // The rest of a chunk must not be kept for the little that is in it.
    return buffer.byteLength > 2 * length ? output.slice() : output;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof DecompressionError) throw error;
    if ("code" in error && error.code === "ERR_BUFFER_TOO_LARGE") throw overLimit(limit);
    // Memory that this machine does not have is not the input's fault.
    if (error instanceof RangeError) throw error;
    throw new DecompressionError(`Cannot decompress a frame of ${bytes.length} bytes: ${error.message}`, {
      cause: error,
    });
  }
}

function overLimit(limit: number): DecompressionError {
  return new DecompressionError(`Cannot decompress to more than the limit of ${limit} bytes`);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
