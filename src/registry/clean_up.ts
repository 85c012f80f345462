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

/** How long to wait before looking again: a worker looks every 20 ms whether its host is gone. */
const PAUSE_MS = 50;

/** How often to look at the most: for a second, when every worker of a host that was killed has ended. */
const MAX_PASSES = 20;

/**
 * Deletes what earlier hosts left in `directory`, and nothing else. What cannot be deleted is reported: nothing is
 * trusted for lying in the directory, so a file that stays costs space only.
 *
 * The workers of a host that was killed outlive it for some milliseconds, in which they may write to their directories
 * and even make them anew. So where one of these was found it is looked for again, until none is there.
 */
export async function cleanUp(directory: string): Promise<CleanUpReport> {
  const removed = new Set<string>();
  for (let pass = 1;; pass++) {
    const entries = await ownEntries(directory);
    const failures = await removeAll(directory, entries, removed);
    const isOver = pass === MAX_PASSES || !entries.some(isWorkers);
    if (isOver) return { removed: [...removed].sort(), failures };
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function removeAll(directory: string, entries: Deno.DirEntry[], removed: Set<string>): Promise<CleanUpFailure[]> {
  const failures: CleanUpFailure[] = [];
  for (const { name, isDirectory } of entries) {
    try {
      await removeEntry(join(directory, name), isDirectory);
      removed.add(name);
    } catch (error) {
      failures.push({ name, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return failures;
}

/** The whole list comes first: deleting from a directory that is being read may hide entries. */
async function ownEntries(directory: string): Promise<Deno.DirEntry[]> {
  const entries = await Array.fromAsync(Deno.readDir(directory));
  return entries.filter(isOwnEntry).sort((a, b) => a.name < b.name ? -1 : 1);
}

function isWorkers({ name }: Deno.DirEntry): boolean {
  return name.startsWith("worker-dir");
}

function removeEntry(path: string, isDirectory: boolean): Promise<void> {
  return isDirectory ? removeTree(path) : Deno.remove(path);
}
