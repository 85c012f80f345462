/** What is published before a crash, and after it. */
import type { ArtifactId } from "../../../src/registry/artifact.ts";

/** It takes more than one write, and no two of its halves, pages or chunks are alike. */
export const ARTIFACT: Uint8Array<ArrayBuffer> = new Uint8Array(300_000).map((_, index) => index * 7 + (index >> 8));

/** Ids that differ in their code hash. */
export function idOf(number: number): ArtifactId {
  return { codeHash: `0x${String(number).padStart(64, "0")}`, prepHash: `0x${"ee".repeat(32)}` };
}
