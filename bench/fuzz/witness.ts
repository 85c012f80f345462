/** The proof in a block: nodes of the trie of state that the parent's header names by its root. */
import type { WasmCrypto } from "../../src/crypto/wasm_crypto.ts";
import { concat } from "../../src/engine/pvf/concat.ts";
import { bytes, encode, ScaleError, ScaleReader } from "../../src/protocol/scale.ts";

const HASH_BYTES = 32;

/**
 * The hashes of all the nodes that a compact proof proves, if it is one of `root`. As the runtime does (`decode_compact` of the crate
 * `trie-db`), this decodes each node and encodes it anew, so that bytes after a node are lost; each must be used, in its order.
 */
export function provenNodes(
  proof: readonly Uint8Array[],
  root: Uint8Array,
  crypto: WasmCrypto,
): Set<string> | undefined {
  const nodes = proof.values();
  const proven = new Set<string>();
  const takeNext = (): Uint8Array => {
    const { value } = nodes.next();
    if (value === undefined) throw new ScaleError("Cannot decode the proof: a node is missing");
    const hash = crypto.blake2b(rebuild(new ScaleReader(value), takeNext), 32);
    proven.add(hash.toHex());
    return hash;
  };
  try {
    const isWhole = takeNext().toHex() === root.toHex() && nodes.next().done === true;
    return isWhole ? proven : undefined;
  } catch (error) {
    if (error instanceof ScaleError) return undefined;
    throw error;
  }
}

/** A node with the hashes of those children that were left out of it. */
function rebuild(node: ScaleReader, takeNext: () => Uint8Array): Uint8Array {
  const kind = node.u8("a node's kind");
  const { nibbles, header, isBranch, value } = readHeader(kind, node);
  const pieces: ArrayLike<number>[] = [header, node.take(Math.ceil(nibbles / 2), "a node's key")];
  const bitmap = isBranch ? node.u16("a branch's children") : 0;
  if (isBranch) pieces.push([bitmap & 0xff, bitmap >>> 8]);
  if (value === "inline") pieces.push(encode(bytes, bytes.decode(node, "a node's value")));
  if (value === "hash") pieces.push(node.take(HASH_BYTES, "a value's hash"));
  for (let left = bitmap; left > 0; left >>>= 1) {
    if ((left & 1) === 0) continue;
    const child = bytes.decode(node, "a branch's child");
    pieces.push(encode(bytes, child.length === 0 ? takeNext() : child));
  }
  return concat(pieces);
}

interface Header {
  readonly header: readonly number[];
  readonly nibbles: number;
  readonly isBranch: boolean;
  readonly value: "inline" | "hash" | "none";
}

/** The first bits tell the kind, the rest how many nibbles the node has; where they are all ones, more bytes are to be added. */
function readHeader(kind: number, node: ScaleReader): Header {
  const [prefixBits, isBranch, value] = kindOf(kind);
  const room = 0xff >>> prefixBits;
  const header = [kind];
  let nibbles = kind & room;
  for (let more = nibbles === room; more;) {
    const byte = node.u8("a node's number of nibbles");
    header.push(byte);
    nibbles += byte;
    more = byte === 0xff;
  }
  return { header, nibbles, isBranch, value };
}

function kindOf(kind: number): [prefixBits: number, isBranch: boolean, value: Header["value"]] {
  if (kind >>> 6 === 0b01) return [2, false, "inline"];
  if (kind >>> 6 === 0b10) return [2, true, "none"];
  if (kind >>> 6 === 0b11) return [2, true, "inline"];
  if (kind >>> 5 === 0b001) return [3, false, "hash"];
  if (kind >>> 4 === 0b0001) return [4, true, "hash"];
  throw new ScaleError(`Cannot decode a node of the kind ${kind}`);
}
