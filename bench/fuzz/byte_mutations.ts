/** Changes of bytes that know nothing of what the bytes mean. */
import { concat } from "../../src/engine/pvf/concat.ts";
import type { Random } from "../random.ts";

type ByteMutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** Values at which code is likely to make a mistake. */
const EDGES = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];
const EDGE_NUMBERS = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

/** How many bytes at the start are chosen more often: that is where most formats say what follows. */
const HEAD_BYTES = 256;

const MUTATIONS = {
  "flip bits": flipBits,
  "set bytes": setBytes,
  "insert": insert,
  "delete": remove,
  "truncate": (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  "append": (bytes, random) => concat([bytes, random.bytes(random.between(1, 40))]),
  "copy a range": copyRange,
  "swap ranges": swapRanges,
  "edit a LEB128": editLeb,
  "edit a fixed number": editFixedNumber,
} satisfies Record<string, ByteMutation>;

const WEIGHTS: Record<keyof typeof MUTATIONS, number> = {
  "flip bits": 25,
  "set bytes": 20,
  "insert": 8,
  "delete": 8,
  "truncate": 4,
  "append": 4,
  "copy a range": 6,
  "swap ranges": 5,
  "edit a LEB128": 12,
  "edit a fixed number": 8,
};

/** Bytes that were changed, and how. */
export interface Mutated {
  readonly bytes: Uint8Array;
  readonly how: string;
}

/** Changes bytes in one of the ways that there are. Now and then the new bytes happen to be the old ones. */
export function mutateBytes(bytes: Uint8Array, random: Random): Mutated {
  const how = random.weighted(WEIGHTS);
  return { bytes: MUTATIONS[how](bytes, random), how };
}

/** Changes some bytes and moves none, so that all lengths go on to fit. */
export function mutateInPlace(bytes: Uint8Array, random: Random): Uint8Array {
  return MUTATIONS[random.pick(["flip bits", "set bytes", "edit a fixed number", "swap ranges"] as const)](
    bytes,
    random,
  );
}

/** A number as unsigned LEB128, in at least so many bytes. */
export function leb128(value: number, minBytes = 1): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    bytes.push(rest & 0x7f | 0x80);
    rest >>>= 7;
  } while (rest > 0 || bytes.length < minBytes);
  bytes.push((bytes.pop() ?? 0) & 0x7f);
  return bytes;
}

function place(bytes: Uint8Array, random: Random): number {
  return random.below(random.chance(0.3) ? Math.min(HEAD_BYTES, bytes.length) : bytes.length);
}

/** Mostly short: a long range destroys so much that nothing behind the first check is reached. */
function rangeLength(bytes: Uint8Array, random: Random): number {
  return random.between(1, Math.max(1, Math.min(bytes.length, random.pick([1, 2, 4, 8, 32, 256]))));
}

function flipBits(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  for (let count = random.pick([1, 1, 1, 2, 4, 8]); count > 0; count--) {
    const at = place(bytes, random);
    changed[at] = (changed[at] ?? 0) ^ 1 << random.below(8);
  }
  return changed;
}

function setBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  for (let count = random.pick([1, 1, 2, 4]); count > 0; count--) {
    changed[place(bytes, random)] = random.chance(0.5) ? random.pick(EDGES) : random.below(256);
  }
  return changed;
}

function insert(bytes: Uint8Array, random: Random): Uint8Array {
  const length = rangeLength(bytes, random);
  const inserted = random.chance(0.3) ? new Uint8Array(length).fill(random.pick(EDGES)) : random.bytes(length);
  return replace(bytes, place(bytes, random), 0, inserted);
}

function remove(bytes: Uint8Array, random: Random): Uint8Array {
  return replace(bytes, place(bytes, random), rangeLength(bytes, random), []);
}

function copyRange(bytes: Uint8Array, random: Random): Uint8Array {
  const [from, to, length] = [place(bytes, random), place(bytes, random), rangeLength(bytes, random)];
  return replace(bytes, to, random.chance(0.5) ? length : 0, bytes.subarray(from, from + length));
}

function swapRanges(bytes: Uint8Array, random: Random): Uint8Array {
  const [one = 0, other = 0] = [place(bytes, random), place(bytes, random)].toSorted((a, b) => a - b);
  const length = Math.min(rangeLength(bytes, random), other - one, bytes.length - other);
  const changed = bytes.slice();
  changed.set(bytes.subarray(other, other + length), one);
  changed.set(bytes.subarray(one, one + length), other);
  return changed;
}

/** Takes what stands there for an unsigned LEB128, which it is often enough in WebAssembly. */
function editLeb(bytes: Uint8Array, random: Random): Uint8Array {
  const at = place(bytes, random);
  let [end, value] = [at, 0];
  for (let shift = 0; end < bytes.length; shift += 7) {
    const byte = bytes[end++] ?? 0;
    if (shift < 32) value = (value | (byte & 0x7f) << shift) >>> 0;
    if (byte < 0x80 || end - at === 5) break;
  }
  const edited = random.pick([value, value + 1, value - 1, value * 2, random.pick(EDGE_NUMBERS)]);
  return replace(bytes, at, end - at, leb128(edited, random.chance(0.2) ? random.between(2, 6) : 1));
}

function editFixedNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  const width = random.pick([2, 4, 8]);
  const at = place(bytes, random);
  if (at + width > bytes.length) return changed;
  const view = new DataView(changed.buffer, at);
  const value = random.chance(0.5) ? view.getUint16(0, true) + random.pick([1, -1]) : random.pick(EDGE_NUMBERS);
  if (width === 2) view.setUint16(0, value, true);
  else view.setUint32(0, value, true);
  if (width === 8) view.setUint32(4, random.pick(EDGE_NUMBERS), true);
  return changed;
}

function replace(bytes: Uint8Array, at: number, length: number, by: ArrayLike<number>): Uint8Array {
  return concat([bytes.subarray(0, at), by, bytes.subarray(at + length)]);
}
