/** One worker's directory: the only place that it can read and write. */
import { join } from "@std/path";

/** A directory that exists from {@linkcode WorkerDir.create} to {@linkcode WorkerDir.remove}. */
export class WorkerDir {
  /** Where it is, absolute. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the directory. `path` is a fresh name in the cache directory. */
  static async create(path: string): Promise<WorkerDir> {
    await Deno.mkdir(path, { mode: 0o700 });
    return new WorkerDir(path);
  }

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Deletes what is in it. A directory that is gone is an error: its worker has no place to work in any more. */
  async clear(): Promise<void> {
    for await (const entry of Deno.readDir(this.path)) await Deno.remove(this.file(entry.name), { recursive: true });
  }

  /** Deletes it. One that is gone already is fine. */
  async remove(): Promise<void> {
    try {
      await Deno.remove(this.path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
