/** Mutated parameters of real blocks: each case follows from the seed and its index. */
import { Bytes } from "scale-ts";
import { concat } from "../../src/engine/pvf/concat.ts";
import { Random } from "../random.ts";
import { BLOCK, PARAMS, type Params } from "./block.ts";
import { changeHash, mutateBlock } from "./block_mutations.ts";
import { mutateBytes } from "./byte_mutations.ts";
import { type Expected, type KnownBlock, KnownBlocks } from "./known_blocks.ts";
import { brokenPrefix, compressed, CONTENT, oddlyCompressed } from "./maybe_compressed.ts";

/** Blocks that are valid, by how often each is taken. The last takes fifty times longer than the others. */
const BASES = {
  v01_block1_remark: 40,
  v02_block2_transfers_dmp: 30,
  v03_block1_inherents_only: 29,
  v05_block1_transfers_300: 1,
};
/** Blocks that parts are taken from. */
const OTHERS = ["v01_block1_remark", "v02_block2_transfers_dmp", "v03_block1_inherents_only"];

/** The relay parent's number and storage root. */
const REST_BYTES = 4 + 32;

/** Mutated parameters, and what was done to them. */
export interface ParamsCase {
  readonly params: Uint8Array;
  readonly how: string;
  /** What must come of them, by what they decode to; `undefined` if they are a changed block, which must not be valid. */
  readonly expected: Expected | undefined;
}

type ParamsMutation = (base: KnownBlock, random: Random, other: KnownBlock) => [params: Uint8Array, how: string];

const MUTATIONS = {
  "encoded bytes": (base, random) => {
    const { bytes, how } = mutateBytes(encodeParams(base, inSomeForm(base.params.blockData, random)), random);
    return [bytes, how];
  },
  "a field": changeField,
  "a field's length": changeFieldLength,
  "block data's bytes": (base, random) => {
    const { bytes, how } = mutateBytes(base.params.blockData, random);
    return [encodeParams(base, inSomeForm(bytes, random)), how];
  },
  "the block": (base, random, other) => {
    const { block, how } = mutateBlock(base.block, random, other.block);
    return [encodeParams(base, inSomeForm(BLOCK.enc(block), random)), how];
  },
  "compressed bytes": (base, random) => {
    const form = compressed(base.params.blockData, random.pick([CONTENT.any, CONTENT.blockData]));
    const { bytes, how } = mutateBytes(form, random);
    return [encodeParams(base, bytes), how];
  },
  "the compressed form": (base, random) => {
    const content = random.pick([CONTENT.any, CONTENT.blockData, CONTENT.code, CONTENT.polkaVm, random.below(256)]);
    return [encodeParams(base, oddlyCompressed(base.params.blockData, content, random)), `content ${content}`];
  },
  "the prefix": (base, random) => {
    return [encodeParams(base, brokenPrefix(compressed(base.params.blockData, CONTENT.any), random)), ""];
  },
} satisfies Record<string, ParamsMutation>;

const WEIGHTS: Record<keyof typeof MUTATIONS, number> = {
  "encoded bytes": 18,
  "a field": 20,
  "a field's length": 6,
  "block data's bytes": 18,
  "the block": 22,
  "compressed bytes": 10,
  "the compressed form": 3,
  "the prefix": 3,
};

/** Makes mutated parameters. */
export class ParamsCases {
  readonly #known: KnownBlocks;
  readonly #seed: number;

  private constructor(known: KnownBlocks, seed: number) {
    this.#known = known;
    this.#seed = seed;
  }

  static async load(seed: number): Promise<ParamsCases> {
    return new ParamsCases(await KnownBlocks.load(Object.keys(BASES)), seed);
  }

  make(index: number): ParamsCase {
    const random = new Random(this.#seed, "params", index);
    const base = this.#known.get(random.weighted(BASES));
    const how = random.weighted(WEIGHTS);
    const other = this.#known.get(random.pick(OTHERS));
    const [params, detail] = MUTATIONS[how](base, random, other);
    return { params, how: `${base.name}, ${how}: ${detail}`, expected: this.#known.judge(params) };
  }
}

function encodeParams({ params }: KnownBlock, blockData: Uint8Array): Uint8Array {
  return PARAMS.enc({ ...params, blockData });
}

/** As it is, or as a relay chain carries it. */
function inSomeForm(blockData: Uint8Array, random: Random): Uint8Array {
  const form = random.pick(["plain", "any", "blockData"] as const);
  return form === "plain" ? blockData : compressed(blockData, CONTENT[form]);
}

function changeField(base: KnownBlock, random: Random, other: KnownBlock): [Uint8Array, string] {
  const { params } = base;
  const field = random.pick(["parentHead", "blockData", "relayParentNumber", "relayParentStorageRoot"] as const);
  if (random.chance(0.1)) return [PARAMS.enc({ ...params, [field]: other.params[field] }), `${field} of another block`];
  return [PARAMS.enc({ ...params, [field]: changedField(params, field, random) }), field];
}

function changedField(params: Params, field: keyof Params, random: Random): Uint8Array | number {
  switch (field) {
    case "relayParentNumber": {
      const number = random.pick([params[field] ^ 1 << random.below(32), params[field] + 1, 0, random.u32()]);
      return number >>> 0;
    }
    case "relayParentStorageRoot":
      return changeHash(params[field], random);
    default:
      return mutateBytes(params[field], random).bytes;
  }
}

/** The first two fields have a length in front, which is written in one, two or four bytes, or in more. */
function changeFieldLength({ params }: KnownBlock, random: Random): [Uint8Array, string] {
  const field = random.pick(["parentHead", "blockData"] as const);
  const rest = PARAMS.enc(params).subarray(-REST_BYTES);
  const parts = [Bytes().enc(params.parentHead), Bytes().enc(params.blockData), rest];
  const at = field === "parentHead" ? 0 : 1;
  const { length } = params[field];
  const announced = random.pick([length - 1, length + 1, 0, length * 2, 0x3fffffff, random.below(2 ** 14)]);
  return [concat(parts.with(at, concat([compactLength(announced, random), params[field]]))), `${field}, ${announced}`];
}

/** SCALE's compact form; now and then a longer one than it takes, which a decoder must refuse. */
function compactLength(length: number, random: Random): Uint8Array {
  const least = length < 2 ** 6 ? 0 : length < 2 ** 14 ? 1 : 2;
  const mode = random.chance(0.3) ? Math.min(3, least + 1) : least;
  const encoded = new Uint8Array(mode === 3 ? 5 : 2 ** mode);
  const view = new DataView(encoded.buffer);
  if (mode === 0) view.setUint8(0, length << 2);
  else if (mode === 1) view.setUint16(0, length << 2 | 1, true);
  else if (mode === 2) view.setUint32(0, (length * 4 + 2) >>> 0, true);
  else view.setUint32(1, length, true), view.setUint8(0, 3);
  return encoded;
}
