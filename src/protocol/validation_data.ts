/** What goes into a PVF's `validate_block` and what comes out of it. */
import { bytes, compactU32, encode, fixedBytes, option, ScaleError, ScaleReader, struct, u32, vec } from "./scale.ts";
import type { Codec } from "./scale.ts";

/** What a parachain block is validated with: the argument of a PVF's `validate_block`. */
export interface ValidationParams {
  /** The head data of the parent block, which is a SCALE-encoded header for most parachains. */
  parentHead: Uint8Array;
  /** The block with its proof (the PoV), plain or compressed. Only the PVF knows its form. */
  blockData: Uint8Array;
  /** The number of the relay chain block that the block was built on: an integer from 0 to 2^32 - 1. */
  relayParentNumber: number;
  /** The storage root of that relay chain block: 32 bytes. */
  relayParentStorageRoot: Uint8Array;
}

/** What a PVF answers about a block that is valid: the result of its `validate_block`. */
export interface ValidationResult {
  /** The head data of the block, the next block's {@linkcode ValidationParams.parentHead}. */
  headData: Uint8Array;
  /** The code that the parachain is to be upgraded to. Absent if there is no upgrade. */
  newValidationCode?: Uint8Array;
  /** The messages to the relay chain, in their order: at most 16,384. */
  upwardMessages: Uint8Array[];
  /** The messages to other parachains, in their order: at most 16,384. */
  horizontalMessages: OutboundHrmpMessage[];
  /** How many messages from the relay chain were processed: an integer from 0 to 2^32 - 1. */
  processedDownwardMessages: number;
  /** The relay chain block up to which messages from other parachains were processed: an integer from 0 to 2^32 - 1. */
  hrmpWatermark: number;
}

/** A message from one parachain to another. */
export interface OutboundHrmpMessage {
  /** The id of the parachain that it is for: an integer from 0 to 2^32 - 1. */
  recipient: number;
  /** What it says, in a form that only the two parachains know. */
  data: Uint8Array;
}

/** How the result is written: an option in place of an optional field. */
type EncodedResult = Omit<ValidationResult, "newValidationCode"> & { newValidationCode: Uint8Array | undefined };

const ROOT_BYTES = 32;
/** Polkadot refuses a result with more messages of one kind, however small. */
const MAX_MESSAGES = 16_384;

/** `Vec<u8>`, decoded to a copy, so that what a caller keeps does not hold on to all of the input. */
const ownBytes: Codec<Uint8Array> = copied(bytes);

const validationParams: Codec<ValidationParams> = struct<ValidationParams>({
  parentHead: ownBytes,
  blockData: ownBytes,
  relayParentNumber: u32,
  relayParentStorageRoot: copied(fixedBytes(ROOT_BYTES)),
});

const validationResult: Codec<EncodedResult> = struct<EncodedResult>({
  headData: ownBytes,
  newValidationCode: option(ownBytes),
  upwardMessages: messages(ownBytes),
  horizontalMessages: messages(struct<OutboundHrmpMessage>({ recipient: u32, data: ownBytes })),
  processedDownwardMessages: u32,
  hrmpWatermark: u32,
});

/**
 * Encodes the argument of `validate_block` as SCALE.
 *
 * @example Encoding parameters and decoding them again
 * ```ts
 * import { decodeValidationParams, encodeValidationParams } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const params = {
 *   parentHead: new Uint8Array([1, 2, 3]),
 *   blockData: new Uint8Array([4, 5]),
 *   relayParentNumber: 1000,
 *   relayParentStorageRoot: new Uint8Array(32),
 * };
 * const encoded = encodeValidationParams(params);
 * assertEquals(encoded.length, 4 + 3 + 4 + 32);
 * assertEquals(decodeValidationParams(encoded), params);
 * ```
 *
 * @param params The parameters to encode.
 * @returns The encoded bytes.
 * @throws {RangeError} If `relayParentStorageRoot` does not have 32 bytes.
 */
export function encodeValidationParams(params: ValidationParams): Uint8Array<ArrayBuffer> {
  return encode(validationParams, params);
}

/**
 * Decodes the argument of `validate_block`. Bytes after it are ignored: later versions of Polkadot append some.
 *
 * @example Reading the relay parent's number
 * ```ts
 * import { decodeValidationParams, encodeValidationParams } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const encoded = encodeValidationParams({
 *   parentHead: new Uint8Array(),
 *   blockData: new Uint8Array(),
 *   relayParentNumber: 7,
 *   relayParentStorageRoot: new Uint8Array(32),
 * });
 * assertEquals(decodeValidationParams(encoded).relayParentNumber, 7);
 * ```
 *
 * @param encoded The bytes to decode.
 * @returns The parameters, which share no memory with `encoded`.
 * @throws {ScaleError} If the bytes are not SCALE-encoded parameters.
 */
export function decodeValidationParams(encoded: Uint8Array): ValidationParams {
  return validationParams.decode(new ScaleReader(encoded), "ValidationParams");
}

/**
 * Encodes the result of `validate_block` as SCALE.
 *
 * @example Encoding the smallest result
 * ```ts
 * import { encodeValidationResult } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const encoded = encodeValidationResult({
 *   headData: new Uint8Array([42]),
 *   upwardMessages: [],
 *   horizontalMessages: [],
 *   processedDownwardMessages: 0,
 *   hrmpWatermark: 0,
 * });
 * assertEquals(encoded, new Uint8Array([4, 42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
 * ```
 *
 * @param result The result to encode.
 * @returns The encoded bytes.
 * @throws {RangeError} If there are more than 16,384 messages of one kind.
 */
export function encodeValidationResult(result: ValidationResult): Uint8Array<ArrayBuffer> {
  return encode(validationResult, { newValidationCode: undefined, ...result });
}

/**
 * Decodes the result of `validate_block`. Bytes after it are ignored, as Polkadot ignores them.
 *
 * @example Reading the head data
 * ```ts
 * import { decodeValidationResult } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const result = decodeValidationResult(new Uint8Array([4, 42, 0, 0, 0, 0, 0, 0, 0, 232, 3, 0, 0]));
 * assertEquals(result.headData, new Uint8Array([42]));
 * assertEquals(result.hrmpWatermark, 1000);
 * ```
 *
 * @param encoded The bytes to decode.
 * @returns The result, which shares no memory with `encoded`.
 * @throws {ScaleError} If the bytes are not a SCALE-encoded result, or have more than 16,384 messages of one kind.
 */
export function decodeValidationResult(encoded: Uint8Array): ValidationResult {
  const { newValidationCode, ...result } = validationResult.decode(new ScaleReader(encoded), "ValidationResult");
  return newValidationCode === undefined ? result : { ...result, newValidationCode };
}

function copied(codec: Codec<Uint8Array>): Codec<Uint8Array> {
  return { encode: codec.encode, decode: (reader, what) => codec.decode(reader, what).slice() };
}

/** A list of messages. Their number is looked at before any is read: a list of empty ones takes far more memory than bytes. */
function messages<T>(message: Codec<T>): Codec<T[]> {
  const list = vec(message);
  return {
    encode(writer, values) {
      if (values.length > MAX_MESSAGES) {
        throw new RangeError(`Cannot encode ${values.length} messages: at most ${MAX_MESSAGES} wanted`);
      }
      list.encode(writer, values);
    },
    decode(reader, what) {
      const length = compactU32.decode(reader, what);
      if (length > MAX_MESSAGES) {
        throw new ScaleError(`Cannot decode ${what}: ${length} messages announced, at most ${MAX_MESSAGES} wanted`);
      }
      return Array.from({ length }, (_, index) => message.decode(reader, `${what}[${index}]`));
    },
  };
}

/** How many bytes of block data parameters hold, if that is what they are; nothing is copied. */
export function blockDataBytes(params: Uint8Array): number | undefined {
  try {
    const reader = new ScaleReader(params);
    bytes.decode(reader, "parentHead");
    return bytes.decode(reader, "blockData").length;
  } catch (error) {
    if (error instanceof ScaleError) return undefined;
    throw error;
  }
}
