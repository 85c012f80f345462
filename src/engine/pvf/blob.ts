/** Maybe-compressed blobs (RFC-0135): eight magic bytes say that what follows is zstd, and what it is. */
import { decompress, DecompressionError } from "./zstd.ts";

/** The first seven magic bytes; the eighth says what is compressed. */
const MAGIC = [0x52, 0xbc, 0x53, 0x76, 0x46, 0xdb, 0x8e];
const MAGIC_BYTES = 8;
const CODE_OR_BLOCK_DATA = 5;
const BLOCK_DATA = 6;
const WASM_CODE = 7;
const POLKAVM_CODE = 8;
const CONTENTS = new Map([
  [CODE_OR_BLOCK_DATA, "code or block data"],
  [BLOCK_DATA, "block data"],
  [WASM_CODE, "WebAssembly code"],
  [POLKAVM_CODE, "PolkaVM code"],
]);

/**
 * The code that `blob` holds, compressed or not, of at most `limit` bytes. Throws {@linkcode DecompressionError}, also for PolkaVM
 * code, which nothing here can run.
 */
export function decompressCode(blob: Uint8Array, limit: number): Uint8Array {
  const content = compressedContent(blob);
  if (content === POLKAVM_CODE || startsWith(blob, [0x50, 0x56, 0x4d, 0])) {
    throw new DecompressionError("Cannot use the code: PolkaVM code found, which is not supported, WebAssembly wanted");
  }
  if (content === undefined) {
    if (blob.length <= limit) return blob;
    throw new DecompressionError(`Cannot use code of ${blob.length} bytes: at most ${limit} bytes wanted`);
  }
  return decompressAs("code", blob, [CODE_OR_BLOCK_DATA, WASM_CODE], limit);
}

/** The block data that `blob` holds, of at most `limit` bytes if compressed. Throws {@linkcode DecompressionError}. */
export function decompressBlockData(blob: Uint8Array, limit: number): Uint8Array {
  if (compressedContent(blob) === undefined) return blob;
  return decompressAs("block data", blob, [CODE_OR_BLOCK_DATA, BLOCK_DATA], limit);
}

function decompressAs(what: string, blob: Uint8Array, wanted: number[], limit: number): Uint8Array {
  const content = compressedContent(blob) ?? 0;
  if (!wanted.includes(content)) {
    throw new DecompressionError(
      `Cannot use the ${what}: compressed ${CONTENTS.get(content)} found, compressed ${what} wanted`,
    );
  }
  return decompress(blob.subarray(MAGIC_BYTES), limit);
}

/** The last magic byte of a compressed blob. */
function compressedContent(blob: Uint8Array): number | undefined {
  const content = blob[MAGIC_BYTES - 1];
  return content !== undefined && CONTENTS.has(content) && startsWith(blob, MAGIC) ? content : undefined;
}

function startsWith(bytes: Uint8Array, start: number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}
