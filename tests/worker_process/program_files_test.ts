import { assertEquals } from "@std/assert";
import { PROGRAM_FILES } from "../../src/worker_process/program_files.ts";

const SOURCE = new URL("../../src/", import.meta.url);

/** What a file imports, as URLs. */
function importsOf(name: string): string[] {
  const url = new URL(name, SOURCE);
  const text = Deno.readTextFileSync(url);
  return Array.from(
    text.matchAll(/^(?:import|export|\}).* from "([^"]+)";$/gm),
    ([, specifier = ""]) => specifier.startsWith(".") ? new URL(specifier, url).href : specifier,
  );
}

/** Everything that `worker/main.ts` needs, by its path below `src/`. */
function reachable(): string[] {
  const found = new Set<string>();
  const queue = ["worker/main.ts"];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    queue.push(...importsOf(name).map((href) => href.replace(SOURCE.href, "")));
  }
  return [...found].sort();
}

Deno.test("the worker program is exactly the files that its main file needs, and needs nothing else", () => {
  assertEquals(Object.keys(PROGRAM_FILES).sort(), reachable());
});

Deno.test("each text of the worker program is its file's", () => {
  for (const [name, text] of Object.entries(PROGRAM_FILES)) {
    assertEquals(text, Deno.readTextFileSync(new URL(name, SOURCE)), name);
  }
});

Deno.test("neither the worker nor an engine imports the host's side, and the host's side no engine", () => {
  const inside = /^(worker|engine|protocol|crypto)\//;
  assertEquals(Object.keys(PROGRAM_FILES).filter((name) => !inside.test(name)), []);
  const hostSide = ["worker_process", "registry", "queue"].flatMap((room) =>
    Array.from(Deno.readDirSync(new URL(`${room}/`, SOURCE)), (entry) => `${room}/${entry.name}`)
  );
  for (const name of [...hostSide, "host.ts", "preparations.ts", "pvf.ts"]) {
    const strangers = importsOf(name).filter((href) => /\/src\/(engine|worker)\//.test(href));
    // The program's files are imported as text, and never run.
    if (name !== "worker_process/program_files.ts") assertEquals(strangers, [], name);
  }
});
