/** Blobs as a relay chain carries them: plain, or behind eight bytes that say what is compressed. */
import { zstdCompressSync } from "node:zlib";
import { concat } from "../../src/engine/pvf/concat.ts";
import type { Random } from "../random.ts";

const PREFIX = [0x52, 0xbc, 0x53, 0x76, 0x46, 0xdb, 0x8e];

/** The eighth byte: what is compressed. */
export const CONTENT = { any: 5, blockData: 6, code: 7, polkaVm: 8 } as const;

/** A frame behind the prefix. */
export function compressed(plain: Uint8Array, content: number): Uint8Array {
  return concat([PREFIX, [content], zstdCompressSync(plain)]);
}

/** The same in a form that no compressor writes: in several frames, with frames between them that hold nothing. */
export function oddlyCompressed(plain: Uint8Array, content: number, random: Random): Uint8Array {
  const at = random.below(plain.length + 1);
  const frames = [plain.subarray(0, at), plain.subarray(at)].map((part) => zstdCompressSync(part));
  const skippable = [0x50 | random.below(16), 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
  const pieces = random.pick([
    [skippable, ...frames],
    [...frames, skippable],
    [frames[0] ?? [], skippable, frames[1] ?? []],
  ]);
  return concat([PREFIX, [content], ...pieces]);
}

/** A prefix that is not quite one. */
export function brokenPrefix(blob: Uint8Array, random: Random): Uint8Array {
  const changed = blob.slice();
  const at = random.below(8);
  changed[at] = random.chance(0.5) ? random.below(256) : (changed[at] ?? 0) ^ 1 << random.below(8);
  return changed;
}
