/** What a precheck finds. An expected outcome is a value, tagged on `kind`. */
import type { PrepareError, PrepareStats } from "./prepare_error.ts";

/**
 * What a precheck found.
 *
 * @example A vote
 * ```ts
 * import type { PrecheckOutcome } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * function vote(outcome: PrecheckOutcome): "for" | "against" {
 *   return outcome.kind === "prepared" ? "for" : "against";
 * }
 * const error = { kind: "prevalidation", message: "no validate_block" } as const;
 * assertEquals(vote({ kind: "failed", codeHash: "0x00", error }), "against");
 * ```
 */
export type PrecheckOutcome = PrecheckPrepared | PrecheckFailed;

/**
 * The code can be prepared; the artifact is in the registry.
 *
 * @example A line for people
 * ```ts
 * import type { PrecheckPrepared } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const describe = ({ codeHash, cpuTimeMs }: PrecheckPrepared): string => `${codeHash} in ${cpuTimeMs} ms`;
 * const stats = { decompressedBytes: 2_481_751, artifactBytes: 2_481_853, cpuTimeMs: 69, maxRssKib: 70_012 };
 * assertEquals(describe({ kind: "prepared", codeHash: "0x0b", ...stats }), "0x0b in 69 ms");
 * ```
 */
export interface PrecheckPrepared extends PrepareStats {
  /** Discriminator. */
  readonly kind: "prepared";
  /** BLAKE2b-256 of the code as given, "0x" and 64 hex digits: the hash that a relay chain knows the code by. */
  readonly codeHash: string;
  /** The length of the artifact file in bytes. */
  readonly artifactBytes: number;
}

/**
 * The code could not be prepared.
 *
 * @example
 * ```ts
 * import type { PrecheckFailed } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const failed: PrecheckFailed = { kind: "failed", codeHash: "0x0b", error: { kind: "timed-out", message: "60 s" } };
 * assertEquals(failed.error.kind, "timed-out");
 * ```
 */
export interface PrecheckFailed {
  /** Discriminator. */
  readonly kind: "failed";
  /** BLAKE2b-256 of the code as given, "0x" and 64 hex digits. */
  readonly codeHash: string;
  /** Why. `isDeterministic` tells whether the code itself is at fault. */
  readonly error: PrepareError;
}
