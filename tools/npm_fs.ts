/**
 * Stands in for the function of `@std/fs` that is in use, where JSR does not answer: no npm package carries it.
 *
 * @module
 */

/**
 * Tells whether something is at a path.
 *
 * @param path The path
 * @param options Whether it has to be a file
 * @returns Whether it is there
 */
export async function exists(path: string, options: { isFile?: boolean } = {}): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile || !options.isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
