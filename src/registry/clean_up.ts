import { join } from "@std/path";
import { isOwnEntry } from "./names.ts";
import { removeTree } from "./remove_tree.ts";

/**
 * Something that an earlier host left in the cache directory and that could not be deleted.
 *
 * @example The shape
 * ```ts
 * import type { CleanUpFailure } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const failure: CleanUpFailure = { name: "old.pvf", error: new Deno.errors.PermissionDenied("Permission denied") };
 * assertEquals(failure.name, "old.pvf");
 * ```
 */
export interface CleanUpFailure {
  /** The name of the entry in the cache directory. */
  readonly name: string;
  /** Why it could not be deleted. */
  readonly error: Error;
}

/**
 * What the clean-up at the start of a registry did.
 *
 * @example A directory that held one artifact of an earlier host
 * ```ts
 * import { ArtifactRegistry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${path}/old.pvf`, "");
 * await using registry = await ArtifactRegistry.open({ path });
 * assertEquals(registry.cleanUp, { removed: ["old.pvf"], failures: [] });
 * ```
 */
export interface CleanUpReport {
  /** The names of the entries that were deleted, sorted. */
  readonly removed: readonly string[];
  /** What should have been deleted and is still there. */
  readonly failures: readonly CleanUpFailure[];
}

/**
 * Deletes what earlier hosts left in `directory`, and nothing else. What cannot be deleted is reported: nothing is
 * trusted for lying in the directory, so a file that stays costs space only.
 */
export async function cleanUp(directory: string): Promise<CleanUpReport> {
  const removed: string[] = [];
  const failures: CleanUpFailure[] = [];
  for (const entry of await ownEntries(directory)) {
    try {
      await removeEntry(join(directory, entry.name), entry.isDirectory);
      removed.push(entry.name);
    } catch (error) {
      failures.push({ name: entry.name, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { removed, failures };
}

/** The whole list comes first: deleting from a directory that is being read may hide entries. */
async function ownEntries(directory: string): Promise<Deno.DirEntry[]> {
  const entries = await Array.fromAsync(Deno.readDir(directory));
  return entries.filter(isOwnEntry).sort((a, b) => a.name < b.name ? -1 : 1);
}

function removeEntry(path: string, isDirectory: boolean): Promise<void> {
  return isDirectory ? removeTree(path) : Deno.remove(path);
}
