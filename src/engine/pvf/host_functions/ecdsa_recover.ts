/** Whose ECDSA signature it is, on the curve secp256k1. */
import type { WasmCrypto } from "../../../crypto/wasm_crypto.ts";

/** What is asked for. */
export interface Recovery {
  /** r, s and v: 32, 32 and 1 bytes. v is 0 to 3, or 27 more. */
  readonly signature: Uint8Array;
  readonly hash: Uint8Array;
  /** `full`: the point's 64 bytes without the prefix 4, `compressed`: 33 bytes. */
  readonly form: "full" | "compressed";
  /** What to do about an r or s of the curve's order or more: the first versions of the host functions take it modulo the order. */
  readonly overflow: "reduce" | "refuse";
}

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const SCALAR_BYTES = 32;
const OK = 0;
const ERROR = 1;
const BAD_R_S = 0;
const BAD_V = 1;
const BAD_SIGNATURE = 2;

/** SCALE `Result<key, EcdsaVerifyError>`. */
export function recoverKey(crypto: WasmCrypto, { signature, hash, form, overflow }: Recovery): Uint8Array {
  const v = signature[2 * SCALAR_BYTES] ?? 0;
  const recoveryId = v > 26 ? v - 27 : v;
  if (recoveryId > 3) return Uint8Array.of(ERROR, BAD_V);
  const r = scalar(signature, 0);
  const s = scalar(signature, SCALAR_BYTES);
  if (overflow === "refuse" && (r >= CURVE_ORDER || s >= CURVE_ORDER)) return Uint8Array.of(ERROR, BAD_R_S);
  const key = recoverFrom(crypto, hash, r % CURVE_ORDER, s % CURVE_ORDER, recoveryId);
  if (key === undefined) return Uint8Array.of(ERROR, BAD_SIGNATURE);
  return Uint8Array.of(OK, ...(form === "compressed" ? key : crypto.secp256k1Expand(key).subarray(1)));
}

function recoverFrom(
  crypto: WasmCrypto,
  hash: Uint8Array,
  r: bigint,
  s: bigint,
  recoveryId: number,
): Uint8Array | undefined {
  // The crypto module replaces an s over half the order by its negative, but forgets that r then stands for the opposite point.
  const high = s > CURVE_ORDER / 2n;
  return crypto.secp256k1Recover(hash, compact(r, high ? CURVE_ORDER - s : s), high ? recoveryId ^ 1 : recoveryId);
}

function scalar(signature: Uint8Array, start: number): bigint {
  return BigInt(`0x${signature.subarray(start, start + SCALAR_BYTES).toHex()}`);
}

function compact(r: bigint, s: bigint): Uint8Array {
  return Uint8Array.fromHex(r.toString(16).padStart(64, "0") + s.toString(16).padStart(64, "0"));
}
