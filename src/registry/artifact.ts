/**
 * What is known of an artifact: which one it is, and whether it is being prepared, prepared, or could not be prepared.
 */

import type { PrepareError, PrepareStats } from "../prepare_error.ts";

/**
 * Which artifact it is: the code, and those execution parameters that change what preparing it gives.
 *
 * @example Two preparations of one code
 * ```ts
 * import type { ArtifactId } from "@kiln/host";
 * import { assertNotEquals } from "@std/assert";
 *
 * const codeHash = `0x${"c0".repeat(32)}`;
 * const one: ArtifactId = { codeHash, prepHash: `0x${"01".repeat(32)}` };
 * const other: ArtifactId = { codeHash, prepHash: `0x${"02".repeat(32)}` };
 * assertNotEquals(one, other);
 * ```
 */
export interface ArtifactId {
  /** The hash of the code as it was given, compressed or not: "0x" and 64 lower-case hex digits. */
  readonly codeHash: string;
  /** The hash of the parameters that matter to preparation: "0x" and 64 lower-case hex digits. */
  readonly prepHash: string;
}

/**
 * A file that holds an artifact, and what is known of its content.
 *
 * @example The description of a file with three bytes
 * ```ts
 * import type { ArtifactFile } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const content = new Uint8Array([1, 2, 3]);
 * const file: ArtifactFile = {
 *   path: `/var/cache/kiln/0x${"ab".repeat(64)}.pvf`,
 *   checksum: new Uint8Array(await crypto.subtle.digest("SHA-256", content)),
 *   sizeBytes: content.length,
 *   stats: { decompressedBytes: 3, cpuTimeMs: 12.5, maxRssKib: 90_000 },
 * };
 * assertEquals(file.checksum.length, 32);
 * ```
 */
export interface ArtifactFile {
  /** Where the file is. It lies directly in the registry's directory. */
  readonly path: string;
  /** The SHA-256 of the file's content, 32 bytes. */
  readonly checksum: Uint8Array;
  /** The length of the file, in bytes. */
  readonly sizeBytes: number;
  /** What the preparation was found to need and to give. */
  readonly stats: PrepareStats;
}

/**
 * An artifact that is being prepared, or that waits for a worker to prepare it.
 *
 * @example A first attempt
 * ```ts
 * import type { PreparingArtifact } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const first: PreparingArtifact = { state: "preparing", numFailures: 0 };
 * assertEquals(first.numFailures, 0);
 * ```
 */
export interface PreparingArtifact {
  /** Tells the states apart. */
  readonly state: "preparing";
  /** How many preparations of this artifact failed before this one. */
  readonly numFailures: number;
}

/**
 * An artifact that lies on disk, ready to be executed.
 *
 * @example Whether an artifact was needed within the last minute
 * ```ts
 * import type { PreparedArtifact } from "@kiln/host";
 * import { assert } from "@std/assert";
 *
 * function isFresh(artifact: PreparedArtifact, now: number): boolean {
 *   return now - artifact.lastNeeded <= 60_000;
 * }
 *
 * const prepared: PreparedArtifact = {
 *   state: "prepared",
 *   path: `/var/cache/kiln/0x${"ab".repeat(64)}.pvf`,
 *   checksum: new Uint8Array(32),
 *   sizeBytes: 1024,
 *   stats: { decompressedBytes: 1000, cpuTimeMs: 12.5, maxRssKib: 90_000 },
 *   lastNeeded: 5_000,
 * };
 * assert(isFresh(prepared, 65_000));
 * ```
 */
export interface PreparedArtifact extends ArtifactFile {
  /** Tells the states apart. */
  readonly state: "prepared";
  /** When the artifact was last asked for, in milliseconds on the registry's clock. */
  readonly lastNeeded: number;
}

/**
 * An artifact that could not be prepared. It is known in memory only, there is no file.
 *
 * @example Whether 15 minutes have passed since the failure
 * ```ts
 * import type { FailedArtifact } from "@kiln/host";
 * import { assert } from "@std/assert";
 *
 * function hasCooledDown(artifact: FailedArtifact, now: number): boolean {
 *   return now >= artifact.lastFailed + 15 * 60_000;
 * }
 *
 * const failed: FailedArtifact = {
 *   state: "failed",
 *   lastFailed: 1_000,
 *   numFailures: 1,
 *   error: { kind: "timed-out", message: "Cannot prepare the code: 60000 ms of CPU time used up" },
 *   limits: "precheck",
 * };
 * assert(hasCooledDown(failed, 901_000));
 * ```
 */
export interface FailedArtifact {
  /** Tells the states apart. */
  readonly state: "failed";
  /** When the last preparation failed, in milliseconds on the registry's clock. */
  readonly lastFailed: number;
  /** How many preparations have failed, the last one included. */
  readonly numFailures: number;
  /** How the last preparation failed. */
  readonly error: PrepareError;
  /** Under which limits. What fails under those of a precheck may succeed under the more lenient ones for an execution. */
  readonly limits: PrepareLimits;
}

/**
 * Which limits of time and memory a preparation has: a precheck's are stricter.
 *
 * @example
 * ```ts
 * import type { PrepareLimits } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const limits: PrepareLimits[] = ["precheck", "compile"];
 * assertEquals(limits.length, 2);
 * ```
 */
export type PrepareLimits = "precheck" | "compile";

/**
 * What is known of an artifact, tagged on `state`.
 *
 * @example Telling the states apart
 * ```ts
 * import type { ArtifactState } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * function describe(artifact: ArtifactState): string {
 *   switch (artifact.state) {
 *     case "preparing":
 *       return `after ${artifact.numFailures} failures`;
 *     case "prepared":
 *       return `${artifact.sizeBytes} bytes`;
 *     case "failed":
 *       return artifact.error.message;
 *   }
 * }
 *
 * assertEquals(describe({ state: "preparing", numFailures: 2 }), "after 2 failures");
 * ```
 */
export type ArtifactState = PreparingArtifact | PreparedArtifact | FailedArtifact;

/**
 * The one text that stands for `id`, and for no other id.
 *
 * @throws {TypeError} If a hash is not "0x" and 64 lower-case hex digits: another spelling of the same hash would be
 * another key.
 */
export function artifactKey(id: ArtifactId): string {
  return `${checkedHash("code hash", id.codeHash)}_${checkedHash("prep hash", id.prepHash)}`;
}

function checkedHash(what: string, hash: string): string {
  if (/^0x[0-9a-f]{64}$/.test(hash)) return hash;
  throw new TypeError(
    `Cannot identify an artifact: found the ${what} ${hash}, "0x" and 64 lower-case hex digits wanted`,
  );
}
