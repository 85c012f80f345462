/**
 * Every name that is given on disk, and which names are ours to delete. Whatever is created in the cache directory must
 * be covered by {@linkcode isOwnEntry}, or a crash leaves it there for ever.
 */

import { extname } from "@std/path";

/** Gives `length` bytes that nobody can predict. */
export type RandomBytes = (length: number) => Uint8Array;

/**
 * How the names of the directories begin that a host makes in its cache directory.
 *
 * @example A path for the directory of a worker
 * ```ts
 * import { ArtifactRegistry, type DirectoryPrefix } from "@kiln/host";
 * import { assertMatch } from "@std/assert";
 *
 * await using registry = await ArtifactRegistry.open({ path: await Deno.makeTempDir() });
 * const prefix: DirectoryPrefix = "worker-dir-prepare-";
 * assertMatch(registry.newPath(prefix), /worker-dir-prepare-[0-9a-f]{32}$/);
 * ```
 */
export type DirectoryPrefix = `worker-dir-${string}` | "kiln-worker-program-";

/** What a worker may put in the place of its directory, which it can delete. */
const WORKER_LEFTOVER = /^worker-dir-(prepare|execute)-[0-9a-f]{32}$/;
const PROGRAM_DIRECTORY = /^kiln-worker-program-[0-9a-f]{32}$/;

/**
 * A new name for an artifact. It is random so that it never collides with a file that is still being deleted, and no
 * job can guess it.
 */
export function artifactName(randomBytes: RandomBytes): string {
  return `0x${randomBytes(64).toHex()}.pvf`;
}

/** A new name for a file that is to become an artifact. */
export function temporaryName(randomBytes: RandomBytes): string {
  return `tmp-${randomBytes(16).toHex()}.pvf`;
}

/**
 * A new name for a directory.
 *
 * @throws {TypeError} If the next start would not take a directory of that name for its own.
 */
export function directoryName(prefix: DirectoryPrefix, randomBytes: RandomBytes): string {
  const name = `${prefix}${randomBytes(16).toHex()}`;
  if (!/[/\\]/.test(name) && isOwnDirectory(name)) return name;
  throw new TypeError(
    `Cannot name a directory: found the prefix ${prefix}, worker-dir-... or kiln-worker-program- wanted`,
  );
}

/** Whether `name` is the name of a file that holds an artifact, or is to become one. */
export function isArtifactName(name: string): boolean {
  return extname(name) === ".pvf";
}

/**
 * Whether the start-up clean-up may delete an entry of the cache directory. Everything else stays: someone may have
 * pointed the cache at a home directory.
 */
export function isOwnEntry(entry: Deno.DirEntry): boolean {
  if (entry.isDirectory) return isOwnDirectory(entry.name);
  if (isArtifactName(entry.name)) return entry.isFile || entry.isSymlink;
  return entry.isFile && (entry.name.startsWith("wasmtime_") || WORKER_LEFTOVER.test(entry.name));
}

function isOwnDirectory(name: string): boolean {
  return name.startsWith("worker-dir") || PROGRAM_DIRECTORY.test(name);
}
