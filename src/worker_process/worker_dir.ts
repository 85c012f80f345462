/** One worker's directory: the only place that it can read and write. */
import { join } from "@std/path";
import { removeTree } from "../registry/remove_tree.ts";

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

  /**
   * Deletes what is in it, while its worker is idle. A directory that is gone is an error: its worker has no place to work in any more.
   */
  async clear(): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(this.path)) {
      if (isDirectory) await this.#removeDirectory(name);
      else await Deno.remove(this.file(name));
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

/** A worker that deletes its directory may leave something else in its place. */
async function removeAnything(path: string): Promise<void> {
  try {
    if ((await Deno.lstat(path)).isDirectory) await removeTree(path);
    else await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
