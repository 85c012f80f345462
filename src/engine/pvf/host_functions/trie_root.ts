/** The root of Substrate's trie, of base 16, computed without keeping the trie. */
import { bytes, compactU32, encode } from "../../../protocol/scale.ts";
import { branch, leaf } from "./trie_node.ts";
import type { Children, NodeValue } from "./trie_node.ts";

export interface TrieEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** 0: values are in their nodes, 1: those of 33 bytes and more are replaced by their hash there. */
export type StateVersion = 0 | 1;

/** An entry whose key is written in hexadecimal digits: its nibbles. */
interface Item {
  readonly nibbles: string;
  readonly value: Uint8Array;
}

const EMPTY_TRIE = 0;
const HASHED_VALUE_BYTES = 33;
const HASH_BYTES = 32;

/** Computes roots with the hash function that it is given. */
export class TrieRoot {
  readonly #version: StateVersion;
  readonly #hash: (data: Uint8Array) => Uint8Array;

  constructor(version: StateVersion, hash: (data: Uint8Array) => Uint8Array) {
    this.#version = version;
    this.#hash = hash;
  }

  /** The root of a trie of `entries`. Of several with the same key, the last counts. */
  of(entries: readonly TrieEntry[]): Uint8Array {
    const items = sorted(entries);
    return this.#hash(items.length === 0 ? Uint8Array.of(EMPTY_TRIE) : this.#node(items, 0));
  }

  /** The root of a trie of `values` whose keys are their positions. */
  ofOrdered(values: readonly Uint8Array[]): Uint8Array {
    return this.of(values.map((value, index) => ({ key: encode(compactU32, index), value })));
  }

  /** The node for sorted items whose keys agree in their first `depth` nibbles. */
  #node(items: readonly Item[], depth: number): Uint8Array {
    const [first, ...others] = items as [Item];
    const end = sharedNibbles(first, items.at(-1) ?? first);
    const nibbles = first.nibbles.slice(depth, end);
    if (first.nibbles.length > end) return branch(nibbles, undefined, this.#children(items, end));
    const value = this.#value(first.value);
    return others.length === 0 ? leaf(nibbles, value) : branch(nibbles, value, this.#children(others, end));
  }

  /** The children for sorted items that have a nibble at `depth`. */
  #children(items: readonly Item[], depth: number): Children {
    let bitmap = 0;
    const references: Uint8Array[] = [];
    for (let start = 0; start < items.length;) {
      const nibble = items[start]?.nibbles[depth] ?? "0";
      let end = start + 1;
      while (items[end]?.nibbles[depth] === nibble) end++;
      bitmap |= 1 << parseInt(nibble, 16);
      references.push(this.#reference(this.#node(items.slice(start, end), depth + 1)));
      start = end;
    }
    return { bitmap, references };
  }

  /** A node as its parent holds it: whole if it is shorter than its hash. */
  #reference(node: Uint8Array): Uint8Array {
    return encode(bytes, node.length < HASH_BYTES ? node : this.#hash(node));
  }

  #value(value: Uint8Array): NodeValue {
    const isHash = this.#version === 1 && value.length >= HASHED_VALUE_BYTES;
    return { isHash, bytes: isHash ? this.#hash(value) : encode(bytes, value) };
  }
}

function sorted(entries: readonly TrieEntry[]): Item[] {
  const values = new Map(entries.map(({ key, value }) => [key.toHex(), value]));
  return Array.from(values, ([nibbles, value]) => ({ nibbles, value })).sort((a, b) => a.nibbles < b.nibbles ? -1 : 1);
}

function sharedNibbles(a: Item, b: Item): number {
  const limit = Math.min(a.nibbles.length, b.nibbles.length);
  let shared = 0;
  while (shared < limit && a.nibbles[shared] === b.nibbles[shared]) shared++;
  return shared;
}
