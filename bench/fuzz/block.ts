/**
 * What parameters of the real PVF consist of, read by a library that Kiln itself does not use: a judge must not share the mistakes of
 * what is judged.
 */
import { _void, Bytes, type Codec, type CodecType, compact, Enum, Struct, Tuple, u32, Vector } from "scale-ts";
import { decompressBlockData } from "../../src/engine/pvf/blob.ts";
import { DecompressionError } from "../../src/engine/pvf/zstd.ts";

const HASH = Bytes(32);
const ENGINE_DATA = Tuple(Bytes(4), Bytes());

/** The argument of `validate_block`. */
export const PARAMS = Struct({
  parentHead: Bytes(),
  blockData: Bytes(),
  relayParentNumber: u32,
  relayParentStorageRoot: HASH,
});
export type Params = CodecType<typeof PARAMS>;

/** A block's header, which is what the real PVF has for head data. */
export const HEADER = Struct({
  parentHash: HASH,
  number: compact,
  stateRoot: HASH,
  extrinsicsRoot: HASH,
  digest: Vector(Enum({
    other: Bytes(),
    consensus: ENGINE_DATA,
    seal: ENGINE_DATA,
    preRuntime: ENGINE_DATA,
    runtimeEnvironmentUpdated: _void,
  }, [0, 4, 5, 6, 8])),
});
export type Header = CodecType<typeof HEADER>;

/** What the block data of the real PVF is: `ParachainBlockData` of Cumulus. */
export const BLOCK = Struct({ header: HEADER, extrinsics: Vector(Bytes()), proof: Vector(Bytes()) });
export type Block = CodecType<typeof BLOCK>;

/** The value at the start of `bytes`, if there is one and it is written in the one way that SCALE allows. */
export function decodeStart<T>(codec: Codec<T>, bytes: Uint8Array): T | undefined {
  try {
    const value = codec.dec(bytes.slice());
    return startsWith(bytes, codec.enc(value)) ? value : undefined;
  } catch {
    // What the library throws says no more than that it cannot be decoded.
    return undefined;
  }
}

/** Encoded parameters, taken apart. */
export interface ReadParams {
  readonly params: Params;
  readonly block: Block;
}

/**
 * What the runtime is given by encoded parameters; `undefined` for what does not decode. It decodes a value from the start of its input
 * and does not look at what follows, so two things are nowhere in it:
 *
 * - bytes after `ValidationParams`, to which later versions of Polkadot append fields;
 * - bytes in the block data after `ParachainBlockData`.
 *
 * The decompressor is the engine's own, which is no loss: if it made the original of a damaged frame, the runtime would be given the
 * original.
 */
export function readParams(encoded: Uint8Array, povBombLimitBytes: number): ReadParams | undefined {
  const params = decodeStart(PARAMS, encoded);
  const plain = params && decompressed(params.blockData, povBombLimitBytes);
  const block = plain && decodeStart(BLOCK, plain);
  return block && { params, block };
}

/** Whether these are the same bytes. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && startsWith(one, other);
}

function decompressed(blockData: Uint8Array, limit: number): Uint8Array | undefined {
  try {
    return decompressBlockData(blockData, limit);
  } catch (error) {
    if (error instanceof DecompressionError) return undefined;
    throw error;
  }
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.length <= bytes.length && start.every((byte, index) => bytes[index] === byte);
}
