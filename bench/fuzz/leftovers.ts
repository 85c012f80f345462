/** What a host or its workers must not leave behind. */
import { processesWith } from "../../tests/it/processes.ts";

/** The processes that know of a cache directory, the directories in it, and a lock. */
export function leftovers(cachePath: string): string[] {
  const entries = Array.from(Deno.readDirSync(cachePath))
    .filter(({ name, isDirectory }) => isDirectory || name === "kiln.lock")
    .map(({ name }) => name);
  return [...processesWith(cachePath).map((pid) => `process ${pid}`), ...entries];
}
