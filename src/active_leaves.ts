/** Which relay chain blocks a backed candidate may still build on. */

/**
 * A change of the relay chain's leaves.
 *
 * @example One leaf follows another
 * ```ts
 * import { type ActiveLeavesUpdate, ValidationHost } from "@kiln/host";
 *
 * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * const update: ActiveLeavesUpdate = {
 *   activated: { hash: "0x02", ancestors: ["0x01"] },
 *   deactivated: ["0x01"],
 * };
 * host.updateActiveLeaves(update);
 * ```
 */
export interface ActiveLeavesUpdate {
  /** The new leaf, if there is one. */
  readonly activated?: ActivatedLeaf;
  /** The hashes of the leaves that are leaves no more. */
  readonly deactivated?: readonly string[];
}

/**
 * A new leaf of the relay chain.
 *
 * @example
 * ```ts
 * import type { ActivatedLeaf } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const leaf: ActivatedLeaf = { hash: "0x03", ancestors: ["0x02", "0x01"] };
 * assertEquals(leaf.ancestors.length, 2);
 * ```
 */
export interface ActivatedLeaf {
  /** The hash of the block. */
  readonly hash: string;
  /** The hashes of as many of its ancestors as a candidate may build on. */
  readonly ancestors: readonly string[];
}

/** The leaves that are active, with their ancestors. */
export class ActiveLeaves {
  readonly #ancestors = new Map<string, ReadonlySet<string>>();

  /** Takes a change over. */
  update({ activated, deactivated = [] }: ActiveLeavesUpdate): void {
    for (const hash of deactivated) this.#ancestors.delete(hash);
    if (activated) this.#ancestors.set(activated.hash, new Set(activated.ancestors));
  }

  /** Whether a candidate on this block can still matter: it is a leaf, or an ancestor of one. */
  isLive(relayParent: string): boolean {
    if (this.#ancestors.has(relayParent)) return true;
    return this.#ancestors.values().some((ancestors) => ancestors.has(relayParent));
  }
}
