/** How a script says that it has come to a point, and how a test hears it. */
import { delay } from "@std/async/delay";
import { processesWith } from "./processes.ts";

/** Statements by which a job says that it has begun. A prepare worker may write a file; an execute worker can hold something open. */
export const BEGIN = `try { Deno.writeTextFileSync("begun", ""); } catch { globalThis.begun = Deno.openSync("."); }`;

/** Whether the job of the worker with this directory has begun. */
export function hasBegun(directory: string): boolean {
  return isFile(`${directory}/begun`) || isHeldOpen(directory, directory);
}

/** Whether the worker with this directory holds the file or directory at `path` open. */
export function isHeldOpen(directory: string, path: string): boolean {
  return processesWith(directory).some((pid) => {
    try {
      return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).some(({ name }) =>
        Deno.readLinkSync(`/proc/${pid}/fd/${name}`) === path
      );
    } catch {
      // It has ended, or closed something, meanwhile.
      return false;
    }
  });
}

/** The directories of the workers whose jobs have begun. */
export function begunDirectories(cachePath: string): string[] {
  const workers = Array.from(Deno.readDirSync(cachePath)).filter(({ name }) => name.startsWith("worker-dir-"));
  return workers.map(({ name }) => `${cachePath}/${name}`).filter(hasBegun);
}

/** The directory of a worker whose job has begun, once there is one. */
export async function begunDirectory(cachePath: string): Promise<string> {
  for (let tries = 0; tries < 2_000; tries++, await delay(5)) {
    const [directory] = begunDirectories(cachePath);
    if (directory !== undefined) return directory;
  }
  throw new Error(`No job has begun in ${cachePath}`);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
