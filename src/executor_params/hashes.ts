/** The hashes of executor parameters. */
import type { WasmCrypto } from "../crypto/wasm_crypto.ts";
import { encode, ScaleWriter } from "../protocol/scale.ts";
import { encodeExecutorParams, PARAM } from "./encoding.ts";
import type { ExecutorParams } from "./executor_params.ts";
import { valuesOf } from "./values.ts";

const HASH_BYTES = 32;

/** The hash of all parameters: BLAKE2b-256 of the encoded list of those that are given. */
export function paramsHash(params: ExecutorParams, crypto: WasmCrypto): Uint8Array {
  return crypto.blake2b(encodeExecutorParams(params), HASH_BYTES);
}

/**
 * The hash of the parameters that change what preparing makes of code: BLAKE2b-256 of "prep" and each such parameter that is given,
 * encoded, without a length before them.
 */
export function prepHash(params: ExecutorParams, crypto: WasmCrypto): Uint8Array {
  const writer = new ScaleWriter();
  writer.push(new TextEncoder().encode("prep"));
  for (const value of valuesOf(params)) {
    if (value[0].changesArtifact) writer.push(encode(PARAM, value));
  }
  return crypto.blake2b(writer.finish(), HASH_BYTES);
}
