/** Changes of a block by what it consists of. */
import type { Random } from "../random.ts";
import type { Block } from "./block.ts";
import { mutateBytes } from "./byte_mutations.ts";

type BlockMutation = (block: Block, random: Random, other: Block) => Block;

const MUTATIONS = {
  "header hash": (block, random) => {
    const field = random.pick(["parentHash", "stateRoot", "extrinsicsRoot"] as const);
    return { ...block, header: { ...block.header, [field]: changeHash(block.header[field], random) } };
  },
  "header number": (block, random) => {
    const number = random.pick([Number(block.header.number) + random.pick([-1, 1, 64]), 0, 2 ** 30, 2 ** 32 - 1]);
    return { ...block, header: { ...block.header, number: Math.max(0, number) } };
  },
  "digest items": (block, random) => {
    const digest = changeList(block.header.digest, random, (item) => changeDigestItem(item, random));
    return { ...block, header: { ...block.header, digest } };
  },
  "extrinsics": (block, random) => ({ ...block, extrinsics: changeByteList(block.extrinsics, random) }),
  "proof nodes": (block, random) => ({ ...block, proof: changeByteList(block.proof, random) }),
  "part of another block": (block, random, other) => {
    const part = random.pick(["header", "extrinsics", "proof"] as const);
    return { ...block, [part]: other[part] };
  },
} satisfies Record<string, BlockMutation>;

const WEIGHTS: Record<keyof typeof MUTATIONS, number> = {
  "header hash": 10,
  "header number": 5,
  "digest items": 20,
  "extrinsics": 25,
  "proof nodes": 35,
  "part of another block": 5,
};

/** Changes a part of `block`, or takes one of another. */
export function mutateBlock(block: Block, random: Random, other: Block): { block: Block; how: string } {
  const how = random.weighted(WEIGHTS);
  return { block: MUTATIONS[how](block, random, other), how };
}

/** One bit of a hash, or all of them. */
export function changeHash(hash: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.2)) return random.bytes(hash.length);
  const at = random.below(hash.length);
  return hash.with(at, (hash[at] ?? 0) ^ 1 << random.below(8));
}

type DigestItem = Block["header"]["digest"][number];

/** What an engine has to say, or to what engine it belongs. */
function changeDigestItem(item: DigestItem, random: Random): DigestItem {
  if (item.tag === "runtimeEnvironmentUpdated" || item.tag === "other") return item;
  const [engine, data] = item.value;
  const tag = random.chance(0.1) ? random.pick(["consensus", "seal", "preRuntime"] as const) : item.tag;
  if (random.chance(0.2)) return { tag, value: [changeHash(engine, random), data] };
  return { tag, value: [engine, random.chance(0.5) ? changeHash(data, random) : mutateBytes(data, random).bytes] };
}

function changeByteList(items: Uint8Array[], random: Random): Uint8Array[] {
  return changeList(items, random, (item) => mutateBytes(item, random).bytes);
}

function changeList<T>(items: T[], random: Random, change: (item: T) => T): T[] {
  const at = random.below(items.length);
  const item = items[at];
  if (item === undefined) return items;
  const elsewhere = random.below(items.length + 1);
  switch (random.weighted({ change: 60, drop: 12, duplicate: 10, move: 10, clear: 2, cut: 6 })) {
    case "change":
      return items.with(at, change(item));
    case "drop":
      return items.toSpliced(at, 1);
    case "duplicate":
      return items.toSpliced(elsewhere, 0, item);
    case "move":
      return items.toSpliced(at, 1).toSpliced(Math.min(elsewhere, items.length - 1), 0, item);
    case "clear":
      return [];
    case "cut":
      return items.slice(0, at);
  }
}
