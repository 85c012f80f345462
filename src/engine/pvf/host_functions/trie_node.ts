/** How a node of Substrate's trie is written. */
import { concat } from "../concat.ts";

/** A value as its node holds it: itself with its length, or its hash. */
export interface NodeValue {
  readonly isHash: boolean;
  readonly bytes: Uint8Array;
}

/** The children of a branch: a bit for each nibble that has one, and a reference to each. */
export interface Children {
  readonly bitmap: number;
  readonly references: readonly Uint8Array[];
}

/** A node's first byte starts with bits that tell its kind; the rest is for the number of nibbles that it holds. */
interface NodeKind {
  readonly prefix: number;
  readonly prefixBits: number;
}

const LEAF: NodeKind = { prefix: 0b01_000000, prefixBits: 2 };
const LEAF_WITH_HASH: NodeKind = { prefix: 0b001_00000, prefixBits: 3 };
const BRANCH: NodeKind = { prefix: 0b10_000000, prefixBits: 2 };
const BRANCH_WITH_VALUE: NodeKind = { prefix: 0b11_000000, prefixBits: 2 };
const BRANCH_WITH_HASH: NodeKind = { prefix: 0b0001_0000, prefixBits: 4 };

/** A node without children. `nibbles` are hexadecimal digits. */
export function leaf(nibbles: string, value: NodeValue): Uint8Array {
  return concat([header(value.isHash ? LEAF_WITH_HASH : LEAF, nibbles.length), packed(nibbles), value.bytes]);
}

/** A node with children. */
export function branch(nibbles: string, value: NodeValue | undefined, { bitmap, references }: Children): Uint8Array {
  return concat([
    header(branchKind(value), nibbles.length),
    packed(nibbles),
    [bitmap & 0xff, bitmap >>> 8],
    value?.bytes ?? [],
    ...references,
  ]);
}

function branchKind(value: NodeValue | undefined): NodeKind {
  if (value === undefined) return BRANCH;
  return value.isHash ? BRANCH_WITH_HASH : BRANCH_WITH_VALUE;
}

/** The kind and the number of nibbles, which goes on in more bytes where the first has no room. */
function header({ prefix, prefixBits }: NodeKind, nibbles: number): number[] {
  const room = 0xff >>> prefixBits;
  if (nibbles < room) return [prefix | nibbles];
  const left = nibbles - room;
  return [prefix | room, ...new Uint8Array(Math.floor(left / 255)).fill(255), left % 255];
}

/** Two nibbles a byte; an odd one comes first, in a byte of its own. */
function packed(nibbles: string): Uint8Array {
  return Uint8Array.fromHex(nibbles.length % 2 === 0 ? nibbles : `0${nibbles}`);
}
