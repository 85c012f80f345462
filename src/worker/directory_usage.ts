/** What a directory holds: entries of every kind at any depth, and the length of all files together. */
export interface DirectoryUsage {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Looks at a directory, and no further once it has found more than `maxFiles` entries. What comes and goes meanwhile may be counted or
 * not, and so may what cannot be looked at: the host looks again when the job has ended.
 *
 * The watchdog's thread is given the text of this function, which must not name anything from outside of itself.
 */
export function directoryUsage(root: string, maxFiles: number): DirectoryUsage {
  let [files, bytes] = [0, 0];
  const unvisited = [root];
  for (let path = unvisited.pop(); path !== undefined && files <= maxFiles; path = unvisited.pop()) {
    try {
      for (const { name, isDirectory } of Deno.readDirSync(path)) {
        if (++files > maxFiles) break;
        if (isDirectory) unvisited.push(`${path}/${name}`);
        else bytes += Deno.lstatSync(`${path}/${name}`).size;
      }
    } catch {
      // The job was faster.
    }
  }
  return { files, bytes };
}
