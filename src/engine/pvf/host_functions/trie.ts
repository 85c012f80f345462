/** `ext_trie_*`: roots of tries that the code gives whole. */
import { bytes, ScaleError, ScaleReader, struct, vec } from "../../../protocol/scale.ts";
import type { Codec } from "../../../protocol/scale.ts";
import { ExecuteFailure } from "../../engine.ts";
import { returnBytes } from "./context.ts";
import type { HostContext, HostFunctions } from "./context.ts";
import { TrieRoot } from "./trie_root.ts";
import type { TrieEntry } from "./trie_root.ts";

const VALUES = vec(bytes);
const ENTRIES: Codec<TrieEntry[]> = vec(struct<TrieEntry>({ key: bytes, value: bytes }));
/** What the length of a key in nibbles must fit, or versions of Substrate disagree about the root. */
const MAX_NIBBLES = 0xffff;

export function trieFunctions(context: HostContext): HostFunctions {
  const root = (input: bigint, version: number) => {
    const entries = decodeInput(context, ENTRIES, input);
    for (const { key } of entries) checkKey(key);
    return returnBytes(context, trieRoot(context, version).of(entries));
  };
  const orderedRoot = (input: bigint, version: number) => {
    return returnBytes(context, trieRoot(context, version).ofOrdered(decodeInput(context, VALUES, input)));
  };
  return {
    ext_trie_blake2_256_root_version_1: (input: bigint) => root(input, 0),
    ext_trie_blake2_256_root_version_2: root,
    ext_trie_blake2_256_ordered_root_version_1: (input: bigint) => orderedRoot(input, 0),
    ext_trie_blake2_256_ordered_root_version_2: orderedRoot,
  };
}

function trieRoot({ crypto }: HostContext, version: number): TrieRoot {
  if (version !== 0 && version !== 1) {
    throw new ExecuteFailure("trap", `Cannot compute a trie root: state version ${version} found, 0 or 1 wanted`);
  }
  return new TrieRoot(version, (data) => crypto.blake2b(data, 32));
}

/** Bytes after the value are ignored, as every host does. */
function decodeInput<T>({ memory }: HostContext, codec: Codec<T>, input: bigint): T {
  try {
    return codec.decode(new ScaleReader(memory.readSlice(input)), "the trie's input");
  } catch (error) {
    if (!(error instanceof ScaleError)) throw error;
    throw new ExecuteFailure("trap", `Cannot compute a trie root: ${error.message}`, { cause: error });
  }
}

function checkKey(key: Uint8Array): void {
  if (key.length * 2 > MAX_NIBBLES) {
    throw new ExecuteFailure(
      "unsupported",
      `Cannot compute a trie root: a key has ${key.length} bytes, 32767 is the most`,
    );
  }
}
