/** The block data inside the parameters of `validate_block`, which may come compressed. */
import { bytes, encode, ScaleError, ScaleReader } from "../../protocol/scale.ts";
import { ExecuteFailure } from "../engine.ts";
import { decompressBlockData } from "./blob.ts";
import { concat } from "./concat.ts";
import { resourceFailure } from "./failures.ts";
import { DecompressionError } from "./zstd.ts";

/**
 * `params` with its block data decompressed, to at most `limit` bytes. What does not parse stays as it is: refusing it is up to the
 * code. Throws {@linkcode ExecuteFailure} of the kind `pov-decompression`.
 */
export function withPlainBlockData(params: Uint8Array, limit: number): Uint8Array {
  const found = findBlockData(params);
  if (found === undefined) return params;
  const plain = decompressed(found.blockData, limit);
  if (plain === found.blockData) return params;
  return concat([params.subarray(0, found.start), encode(bytes, plain), params.subarray(found.end)]);
}

function findBlockData(params: Uint8Array): { blockData: Uint8Array; start: number; end: number } | undefined {
  const reader = new ScaleReader(params);
  try {
    bytes.decode(reader, "the parent head");
    const start = reader.offset;
    return { start, blockData: bytes.decode(reader, "the block data"), end: reader.offset };
  } catch (error) {
    if (error instanceof ScaleError) return undefined;
    throw error;
  }
}

function decompressed(blockData: Uint8Array, limit: number): Uint8Array {
  try {
    return decompressBlockData(blockData, limit);
  } catch (error) {
    if (!(error instanceof DecompressionError)) throw resourceFailure(error) ?? error;
    throw new ExecuteFailure("pov-decompression", error.message, { cause: error });
  }
}
