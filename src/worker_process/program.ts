/**
 * The worker program on disk. The host writes it at its start from the module's own text, so a worker needs no registry, no cache and
 * no configuration, and an upgrade of the module under a running host cannot mix versions.
 */
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "@std/path";
import { PROGRAM_FILES } from "./program_files.ts";

/** The name of the module that the host replaces when it is given another engine. */
const ENGINE_FILE = "worker/engine.ts";

/** A program that was written to disk. */
export class WorkerProgram {
  readonly #directory: string;
  /** The file that a worker process runs: absolute, since a worker starts in a directory of its own. */
  readonly mainPath: string;

  private constructor(directory: string, realPath: string) {
    this.#directory = directory;
    this.mainPath = join(realPath, "worker", "main.js");
  }

  /**
   * Writes the program into a new directory. `engineSource` is the text, TypeScript or JavaScript, of a module that exports an
   * `engine`; without it workers are given the PVF engine.
   */
  static async write(directory: string, engineSource?: string): Promise<WorkerProgram> {
    const files = new Map(Object.entries(PROGRAM_FILES));
    if (engineSource !== undefined) files.set(ENGINE_FILE, engineSource);
    // What cannot be converted is found before anything is written.
    const converted = Array.from(
      files,
      ([name, source]) => [name.replace(/\.ts$/, ".js"), toJavaScript(source)] as const,
    );
    await Deno.mkdir(directory, { mode: 0o700 });
    const written = await Promise.allSettled(converted.map(([name, text]) => writeFile(join(directory, name), text)));
    const failed = written.find((result) => result.status === "rejected");
    if (!failed) return new WorkerProgram(directory, await Deno.realPath(directory));
    await Deno.remove(directory, { recursive: true });
    throw failed.reason;
  }

  /** Deletes it. One that is gone already is fine. */
  async remove(): Promise<void> {
    try {
      await Deno.remove(this.#directory, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function writeFile(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

/** JavaScript starts in half the time of TypeScript, and Deno does not try to keep what it made of it. */
export function toJavaScript(source: string): string {
  return stripTypeScriptTypes(source).replace(/( from "\.[^"]+)\.ts";/g, '$1.js";');
}
