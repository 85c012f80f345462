/**
 * Ed25519 as Polkadot checks it: by the rules of ZIP-215, which multiply the equation by the cofactor 8 and take encodings that are not
 * canonical. A signature that only these rules accept is easily made, and a host that refused it would condemn a valid block.
 */
import type { WasmCrypto } from "../../../crypto/wasm_crypto.ts";
import { concat } from "../concat.ts";

/** A point (X/Z, Y/Z) of the curve -x^2 + y^2 = 1 + d x^2 y^2, with T = XY/Z. */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}

const P = 2n ** 255n - 19n;
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const TWICE_D = 2n * D;
const SQRT_MINUS_1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;
const SIGN_BIT = 2n ** 255n;
const NEUTRAL: Point = { x: 0n, y: 1n, z: 1n, t: 0n };
const BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202n;
const BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960n;
const POINT_BYTES = 32;

/** Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) on `message`. */
export function verifyEd25519(
  crypto: WasmCrypto,
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  // What the stricter rules accept is good here too, and they are checked a hundred times as fast.
  return crypto.ed25519Verify(signature, message, publicKey) || verifyZip215(crypto, signature, message, publicKey);
}

function verifyZip215(crypto: WasmCrypto, signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const encodedR = signature.subarray(0, POINT_BYTES);
  const s = littleEndian(signature.subarray(POINT_BYTES));
  const a = decodePoint(publicKey);
  const r = decodePoint(encodedR);
  if (a === undefined || r === undefined || s >= GROUP_ORDER) return false;
  const k = littleEndian(crypto.sha512(concat([encodedR, publicKey, message]))) % GROUP_ORDER;
  const difference = add(sumOfMultiples(s, point(BASE_X, BASE_Y), k, negate(a)), negate(r));
  return isNeutral(double(double(double(difference))));
}

function decodePoint(encoded: Uint8Array): Point | undefined {
  const bits = littleEndian(encoded);
  const y = mod(bits & SIGN_BIT - 1n);
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  const x = rootOfRatio(u, v);
  if (x === undefined) return undefined;
  return point((x & 1n) === (bits >> 255n) ? x : mod(-x), y);
}

/** The square root of u / v, if there is one. */
function rootOfRatio(u: bigint, v: bigint): bigint | undefined {
  const v3 = mod(v * v * v);
  const candidate = mod(u * v3 * power(mod(u * v3 * v3 * v), (P - 5n) / 8n));
  const square = mod(v * candidate * candidate);
  if (square === u) return candidate;
  return square === mod(-u) ? mod(candidate * SQRT_MINUS_1) : undefined;
}

/** m a + n b, for numbers below the group's order. */
function sumOfMultiples(m: bigint, a: Point, n: bigint, b: Point): Point {
  const digits = [m.toString(2).padStart(253, "0"), n.toString(2).padStart(253, "0")] as const;
  const both = add(a, b);
  let sum = NEUTRAL;
  for (let index = 0; index < 253; index++) {
    sum = double(sum);
    const [first, second] = [digits[0][index] === "1", digits[1][index] === "1"];
    if (first || second) sum = add(sum, first && second ? both : first ? a : b);
  }
  return sum;
}

function add(a: Point, b: Point): Point {
  const p = mod((a.y - a.x) * (b.y - b.x));
  const q = mod((a.y + a.x) * (b.y + b.x));
  const r = mod(TWICE_D * mod(a.t * b.t));
  const s = mod(2n * a.z * b.z);
  return completed(q - p, s - r, s + r, q + p);
}

function double(a: Point): Point {
  const xx = mod(a.x * a.x);
  const yy = mod(a.y * a.y);
  const sum = a.x + a.y;
  const minus = yy - xx;
  return completed(mod(sum * sum) - xx - yy, minus - mod(2n * a.z * a.z), minus, -xx - yy);
}

/** What additions and doublings end with: (x/z, y/t) as x = e f, y = g h, z = f g, t = e h. */
function completed(e: bigint, f: bigint, g: bigint, h: bigint): Point {
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g), t: mod(e * h) };
}

function negate({ x, y, z, t }: Point): Point {
  return { x: mod(-x), y, z, t: mod(-t) };
}

function isNeutral({ x, y, z }: Point): boolean {
  return x === 0n && y === z;
}

function point(x: bigint, y: bigint): Point {
  return { x, y, z: 1n, t: mod(x * y) };
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const digit of exponent.toString(2)) {
    result = mod(result * result);
    if (digit === "1") result = mod(result * base);
  }
  return result;
}

function mod(value: bigint): bigint {
  const remainder = value % P;
  return remainder < 0n ? remainder + P : remainder;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytes.toReversed().toHex()}`);
}
