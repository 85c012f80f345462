/** The judge of fuzzed parameters: what is still the block that it was made from, and what is not. */
import { assert, assertEquals } from "@std/assert";
import { BLOCK, type Block, PARAMS } from "../../bench/fuzz/block.ts";
import { type KnownBlock, KnownBlocks } from "../../bench/fuzz/known_blocks.ts";
import { compressed, CONTENT, oddlyCompressed } from "../../bench/fuzz/maybe_compressed.ts";
import { Random } from "../../bench/random.ts";
import { concat } from "../../src/engine/pvf/concat.ts";
import { caseParams } from "../testdata.ts";

const known = await KnownBlocks.load(["v01_block1_remark", "v03_block1_inherents_only"]);
const v01 = known.get("v01_block1_remark");
const v03 = known.get("v03_block1_inherents_only");
const TRAILING = [1, 2, 3];

/** The parameters of v01 with another block. */
function withBlock(block: Block): Uint8Array {
  return PARAMS.enc({ ...v01.params, blockData: BLOCK.enc(block) });
}

function withBlockData(blockData: Uint8Array): Uint8Array {
  return PARAMS.enc({ ...v01.params, blockData });
}

function withDigest(digest: Block["header"]["digest"]): Uint8Array {
  return withBlock({ ...v01.block, header: { ...v01.block.header, digest } });
}

function assertSame(params: Uint8Array, block: KnownBlock): void {
  assertEquals(known.judge(params), { result: block.result, isResealed: false });
}

Deno.test("judge() knows a block in every form that the runtime is given the same by", () => {
  const random = new Random(1);
  const blockData = v01.params.blockData;
  assertSame(caseParams(v01.name), v01);
  assertSame(concat([caseParams(v01.name), TRAILING]), v01);
  assertSame(withBlockData(concat([blockData, TRAILING])), v01);
  assertSame(withBlockData(compressed(blockData, CONTENT.any)), v01);
  assertSame(withBlockData(oddlyCompressed(blockData, CONTENT.blockData, random)), v01);
});

Deno.test("judge() knows a block by another proof that shows as much", () => {
  const [first = new Uint8Array(), ...rest] = v01.block.proof;
  assertSame(withBlock({ ...v01.block, proof: [concat([first, TRAILING]), ...rest] }), v01);
  assertSame(withBlock({ ...v03.block, proof: v01.block.proof }), v03);
  assertEquals(known.judge(withBlock({ ...v01.block, proof: v03.block.proof })), undefined, "it shows less");
});

Deno.test("judge() knows a block whose seal stands elsewhere or goes on, and expects its header as head data", () => {
  const [slot, seal] = v01.block.header.digest;
  assert(slot && seal?.tag === "seal");
  const moved = known.judge(withDigest([seal, slot]));
  const longer = known.judge(
    withDigest([slot, { ...seal, value: [seal.value[0], concat([seal.value[1], TRAILING])] }]),
  );
  assertEquals([moved?.isResealed, longer?.isResealed], [true, true]);
  assertEquals(moved?.result.length, v01.result.length);
  assertEquals(longer?.result.length, v01.result.length + TRAILING.length);
});

Deno.test("judge() takes everything else for a changed block", () => {
  const { header, extrinsics, proof } = v01.block;
  const [slot, seal] = header.digest;
  assert(slot && seal?.tag === "seal");
  const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(0, (bytes[0] ?? 0) ^ 1);
  const changed = {
    "nothing": new Uint8Array(),
    "another parent": PARAMS.enc({ ...v01.params, parentHead: flipped(v01.params.parentHead) }),
    "another relay parent": PARAMS.enc({ ...v01.params, relayParentNumber: v01.params.relayParentNumber + 1 }),
    "another state": withBlock({ ...v01.block, header: { ...header, stateRoot: flipped(header.stateRoot) } }),
    "another slot": withDigest([seal, seal]),
    "no seal": withDigest([slot]),
    "another seal": withDigest([slot, { ...seal, value: [seal.value[0], flipped(seal.value[1])] }]),
    "an extrinsic less": withBlock({ ...v01.block, extrinsics: extrinsics.slice(1) }),
    "a node less": withBlock({ ...v01.block, proof: proof.slice(1) }),
    "a node more": withBlock({ ...v01.block, proof: [...proof, ...proof.slice(-1)] }),
    "a changed node": withBlock({ ...v01.block, proof: [...proof.slice(0, -1), ...proof.slice(-1).map(flipped)] }),
    "a truncated frame": withBlockData(compressed(v01.params.blockData, CONTENT.any).slice(0, -1)),
    "compressed code": withBlockData(compressed(v01.params.blockData, CONTENT.code)),
  };
  for (const [what, params] of Object.entries(changed)) assertEquals(known.judge(params), undefined, what);
});
