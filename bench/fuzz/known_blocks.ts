/**
 * Which of some blocks that are known to be valid parameters hold, and so what must come of them. A mutation is judged by this before it
 * is run, and by nothing that is said of it then.
 */
import { loadCryptoWasm } from "../../src/crypto/load.ts";
import { WasmCrypto } from "../../src/crypto/wasm_crypto.ts";
import { concat } from "../../src/engine/pvf/concat.ts";
import { caseParams, caseResult } from "../../tests/testdata.ts";
import { Bytes } from "scale-ts";
import {
  BLOCK,
  type Block,
  decodeStart,
  HEADER,
  type Header,
  PARAMS,
  type Params,
  readParams,
  sameBytes,
} from "./block.ts";
import { provenNodes } from "./witness.ts";

/** The most bytes of decompressed block data, as the host has it by default. */
const POV_BOMB_LIMIT_BYTES = 20 * 2 ** 20;
const SEAL_BYTES = 64;
const AURA = "aura";

/** A block that is valid. */
export interface KnownBlock {
  readonly name: string;
  readonly params: Params;
  readonly block: Block;
  readonly identity: Uint8Array;
  readonly proven: Set<string>;
  readonly result: Uint8Array;
}

/** What must come of a known block. */
export interface Expected {
  readonly result: Uint8Array;
  /** Whether its header differs by where the seal is or by what follows it, and so its hash. */
  readonly isResealed: boolean;
}

/** Tells whether parameters are one of the known blocks. */
export class KnownBlocks {
  readonly #crypto: WasmCrypto;
  readonly #blocks = new Map<string, KnownBlock>();

  private constructor(crypto: WasmCrypto) {
    this.#crypto = crypto;
  }

  /** The blocks of these test cases. */
  static async load(names: readonly string[]): Promise<KnownBlocks> {
    const known = new KnownBlocks(new WasmCrypto(await loadCryptoWasm()));
    for (const name of names) known.#add(name);
    return known;
  }

  get(name: string): KnownBlock {
    const found = this.#blocks.get(name);
    if (!found) throw new Error(`There is no block "${name}"`);
    return found;
  }

  /**
   * What these parameters must give if they hold one of the known blocks, and otherwise `undefined`. Besides what `readParams` leaves
   * out, three things make no other block to this runtime, each by its source:
   *
   * - The proof is no part of the block. It shows what the parent's state is, whose root the runtime checks it against, so one that
   *   shows as much as the known one does, and perhaps more, or has bytes after a node, makes the same block.
   * - `BlockExecutor` of the pallet `aura-ext` takes the seal out of the header wherever it stands among the digest's items, and what
   *   is signed is the header without it.
   * - It decodes the signature from the start of the seal (`as_aura_seal`), so bytes after that are not looked at.
   *
   * By the last two the header has another hash all the same. The head data that the runtime gives back is the header as it came.
   */
  judge(encoded: Uint8Array): Expected | undefined {
    const read = readParams(encoded, POV_BOMB_LIMIT_BYTES);
    if (!read) return undefined;
    const identity = identityOf(read.params, read.block);
    const known = this.#blocks.values().find((block) => sameBytes(block.identity, identity));
    if (!known || !this.#provenBy(read.params, read.block)?.isSupersetOf(known.proven)) return undefined;
    // The head data comes first, and nothing else in the result depends on the digest.
    const [head, knownHead] = [read.block, known.block].map(({ header }) => Bytes().enc(HEADER.enc(header)));
    const result = concat([head ?? [], known.result.subarray(knownHead?.length)]);
    return { result, isResealed: !sameBytes(result, known.result) };
  }

  #add(name: string): void {
    const params = decodeStart(PARAMS, caseParams(name));
    const block = params && decodeStart(BLOCK, params.blockData);
    const proven = block && this.#provenBy(params, block);
    if (!proven) throw new Error(`Cannot decode the block "${name}"`);
    const identity = identityOf(params, block);
    this.#blocks.set(name, { name, params, block, identity, proven, result: caseResult(name) });
  }

  #provenBy(params: Params, block: Block): Set<string> | undefined {
    const parent = decodeStart(HEADER, params.parentHead);
    return parent && provenNodes(block.proof, parent.stateRoot, this.#crypto);
  }
}

/** All that makes a block this one, in one form for each. */
function identityOf(params: Params, { header, extrinsics }: Block): Uint8Array {
  const block = { header: { ...header, digest: normalDigest(header.digest) }, extrinsics, proof: [] };
  return PARAMS.enc({ ...params, blockData: BLOCK.enc(block) });
}

/** The seal comes last, and is as long as a signature. More than one, or one that is too short, is left where it is. */
function normalDigest(digest: Header["digest"]): Header["digest"] {
  const isSeal = (item: Header["digest"][number]): boolean =>
    item.tag === "seal" && new TextDecoder().decode(item.value[0]) === AURA;
  const [seal, ...others] = digest.filter(isSeal);
  if (seal?.tag !== "seal" || others.length > 0) return digest;
  const [engine, signature] = seal.value;
  const rest = digest.filter((item) => !isSeal(item));
  return [...rest, { tag: "seal", value: [engine, signature.slice(0, SEAL_BYTES)] }];
}
