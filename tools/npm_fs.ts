/**
 * Stands in for the functions of `@std/fs` that are in use, where JSR does not answer: no npm package carries them.
 *
 * @module
 */

/**
 * Makes a folder, and those above it, if it is not there.
 *
 * @param dir The folder
 */
export async function ensureDir(dir: string | URL): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
}

/**
 * Removes all that is in a folder, and makes the folder if it is not there.
 *
 * @param dir The folder
 */
export async function emptyDir(dir: string): Promise<void> {
  await ensureDir(dir);
  for await (const { name } of Deno.readDir(dir)) await Deno.remove(`${dir}/${name}`, { recursive: true });
}

/**
 * Tells whether something is at a path.
 *
 * @param path The path
 * @returns Whether it is there
 */
export async function exists(path: string | URL): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
