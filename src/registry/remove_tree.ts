import { join } from "@std/path";

/**
 * Removes a directory with everything in it, whatever a worker built there. Symbolic links are removed, never followed.
 *
 * `Deno.remove` alone will not do: it recurses on the native stack, and whoever renames directories into one
 * another can nest them some ten thousand levels deep, past any path length, which overflows that stack and takes the
 * host's process with it. So every nested directory is first lifted up into `root`, one level at a time, which needs
 * short paths only; what is left is two levels deep.
 *
 * No worker may be running in the directory any more.
 */
export async function removeTree(root: string): Promise<void> {
  if ((await Deno.lstat(root)).isSymlink) return Deno.remove(root);
  await makeAccessible(root);
  const unvisited = await directoriesIn(root);
  for (let name = unvisited.pop(); name !== undefined; name = unvisited.pop()) {
    const directory = join(root, name);
    await makeAccessible(directory);
    for (const nested of await directoriesIn(directory)) {
      const lifted = crypto.randomUUID();
      await makeAccessible(join(directory, nested));
      await Deno.rename(join(directory, nested), join(root, lifted));
      unvisited.push(lifted);
    }
  }
  await Deno.remove(root, { recursive: true });
}

/** Undoes what a worker may do to a directory's mode, which stops anybody but root from deleting what is inside. */
async function makeAccessible(directory: string): Promise<void> {
  // Where this fails it may not be needed. Where it is, what follows says what is wrong.
  await Deno.chmod(directory, 0o700).catch(() => {});
}

async function directoriesIn(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path));
  return entries.filter((entry) => entry.isDirectory).map((entry) => entry.name);
}
