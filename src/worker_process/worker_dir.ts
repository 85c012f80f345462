/** One worker's directory: the only place that it can read, or write, as its kind is. */
import { join } from "@std/path";
import type { JobLimits } from "../protocol/job_limits.ts";
import { removeTree } from "../registry/remove_tree.ts";

/** What a worker's directory may hold. */
export type DirectoryLimits = Pick<JobLimits, "directoryFiles" | "directoryBytes">;

/** There was more in a worker's directory than there may be. */
export class DirectoryLimitError extends Error {
  override name = "DirectoryLimitError";
}

/** A directory that exists from {@linkcode WorkerDir.create} to {@linkcode WorkerDir.remove}. */
export class WorkerDir {
  /** Where it is, as the host's permissions spell it. */
  readonly path: string;
  /** Where it really is: absolute and without a link in it, as a worker's permissions must spell it. */
  readonly realPath: string;

  private constructor(path: string, realPath: string) {
    this.path = path;
    this.realPath = realPath;
  }

  /** Makes the directory. `path` is a fresh name in the cache directory. */
  static async create(path: string): Promise<WorkerDir> {
    await Deno.mkdir(path, { mode: 0o700 });
    return new WorkerDir(path, await Deno.realPath(path));
  }

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Throws {@linkcode DirectoryLimitError} if there is more in it than there may be. */
  async check(limits: DirectoryLimits): Promise<void> {
    await countTree(this.path, counter(limits));
  }

  /**
   * Deletes what is in it, while its worker is idle. A directory that is gone is an error: its worker has no place to work in any more.
   * Throws {@linkcode DirectoryLimitError} as soon as more is found than there may be.
   */
  async clear(limits: DirectoryLimits): Promise<void> {
    const count = counter(limits);
    for await (const { name, isDirectory } of Deno.readDir(this.path)) {
      if (isDirectory) {
        count(0);
        await countTree(this.file(name), count);
        await this.#removeDirectory(name);
      } else {
        count((await Deno.lstat(this.file(name))).size);
        await Deno.remove(this.file(name));
      }
    }
  }

  /** Deletes it, once its worker has ended, with whatever was to be cleared from it. What is gone already is fine. */
  async remove(): Promise<void> {
    await removeAnything(this.path);
    await removeAnything(this.#outOfReach);
  }

  /** A tree is removed where the worker cannot reach it any more: it must not change meanwhile. */
  async #removeDirectory(name: string): Promise<void> {
    await Deno.rename(this.file(name), this.#outOfReach);
    await removeTree(this.#outOfReach);
  }

  get #outOfReach(): string {
    return `${this.path}-removed`;
  }
}

/** How long a path may be below a worker's directory. With the names in front and behind, it is still one that every system takes. */
const MAX_NESTED_LENGTH = 500;

/** Counts an entry of this length, and throws once it is one too many. */
function counter({ directoryFiles, directoryBytes }: DirectoryLimits): (bytes: number) => void {
  let [files, total] = [0, 0];
  return (bytes) => {
    total += bytes;
    if (++files <= directoryFiles && total <= directoryBytes) return;
    throw new DirectoryLimitError(
      `There is more in the worker's directory than there may be: found ${files} entries with ${total} bytes so far, ` +
        `at most ${directoryFiles} with ${directoryBytes} allowed`,
    );
  };
}

/** Counts everything in a directory. */
async function countTree(root: string, count: (bytes: number) => void): Promise<void> {
  const unvisited = [root];
  for (let path = unvisited.pop(); path !== undefined; path = unvisited.pop()) {
    // Further down than any path leads nothing could be listed.
    if (path.length - root.length > MAX_NESTED_LENGTH) {
      throw new DirectoryLimitError(
        `There are directories in the worker's directory that are nested deeper than ${MAX_NESTED_LENGTH} characters of a path`,
      );
    }
    for (const { name, isDirectory } of await list(path)) {
      count(isDirectory ? 0 : await sizeOf(join(path, name)));
      if (isDirectory) unvisited.push(join(path, name));
    }
  }
}

/** A directory that cannot be listed may hold anything. One that is gone holds nothing. */
async function list(path: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new DirectoryLimitError("There are directories in the worker's directory that cannot be listed", {
      cause: error,
    });
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.lstat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** A worker that deletes its directory may leave something else in its place. */
async function removeAnything(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isDirectory) await removeTree(path);
    else await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
