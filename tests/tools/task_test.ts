import { assert, assertEquals, assertRejects } from "@std/assert";
import { findStd } from "../../tools/task.ts";

const root = new URL("../../", import.meta.url);

interface Imports {
  imports: Record<string, string>;
  exports?: Record<string, string>;
}

async function readImports(path: string): Promise<Imports> {
  return JSON.parse(await Deno.readTextFile(new URL(path, root)));
}

async function findStdWhenAnswered(body: string): Promise<string> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response(body));
  return await findStd({ forced: "", registry: `http://127.0.0.1:${server.addr.port}` });
}

Deno.test("findStd() takes JSR when the registry knows the std packages", async () => {
  assertEquals(await findStdWhenAnswered('{"scope":"std","name":"assert","versions":{}}'), "jsr");
});

Deno.test("findStd() takes JSR when the registry is a folder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/@std/assert`, { recursive: true });
    await Deno.writeTextFile(`${folder}/@std/assert/meta.json`, '{"scope":"std"}');
    assertEquals(await findStd({ forced: "", registry: `file://${folder}` }), "jsr");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("findStd() takes npm when the registry answers with something else", async () => {
  assertEquals(await findStdWhenAnswered("<p>Please sign in</p>"), "npm");
  assertEquals(await findStdWhenAnswered("{}"), "npm");
});

Deno.test("findStd() takes npm when the registry does not answer in time", async () => {
  // The system takes the connection, and nobody ever reads from it.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const registry = `http://127.0.0.1:${listener.addr.port}`;
  assertEquals(await findStd({ forced: "", registry, limitMs: 50 }), "npm");
});

Deno.test("findStd() takes what is forced without a request", async () => {
  assertEquals(await findStd({ forced: "jsr", registry: "http://127.0.0.1:1" }), "jsr");
  assertEquals(await findStd({ forced: "npm", registry: "http://127.0.0.1:1" }), "npm");
  await assertRejects(() => findStd({ forced: "yes" }), TypeError, 'must be "jsr" or "npm": it is "yes"');
});

Deno.test("npm_std.json carries every import and export of deno.json", async () => {
  const config = await readImports("deno.json");
  const { imports } = await readImports("tools/npm_std.json");
  for (const [name, target] of Object.entries(config.imports)) {
    if (target.startsWith("npm:")) assertEquals(imports[name], target);
    // Of a package whose index does not load from npm, the map names the modules in use.
    else assert(Object.keys(imports).some((key) => key === name || key.startsWith(`${name}/`)), name);
  }
  for (const [name, path] of Object.entries(config.exports ?? {})) {
    assertEquals(imports[`@kiln/host${name.slice(1)}`], `.${path}`);
  }
});

/** Runs the test task on a module with this code; returns its last line and its exit status. */
async function runTestTask(code: string): Promise<[string | undefined, number]> {
  const file = await Deno.makeTempFile({ suffix: "_test.ts" });
  try {
    await Deno.writeTextFile(file, code);
    const script = new URL("tools/task.ts", root).href;
    const args = ["run", "--no-config", "--allow-all", script, "test", file];
    const output = await new Deno.Command(Deno.execPath(), { args, env: { KILN_STD: "npm" } }).output();
    return [new TextDecoder().decode(output.stdout).trimEnd().split("\n").at(-1), output.code];
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("the test task closes with the totals of the runner and passes its exit status on", async () => {
  const passing = `Deno.test("a", () => console.log("ok | 7 passed | 7 failed"));`;
  const failing = `Deno.test("b", () => { throw new Error("b"); }); Deno.test.ignore("c", () => {});`;
  assertEquals(await runTestTask(passing), ["1 passed, 0 failed", 0]);
  assertEquals(await runTestTask(passing + failing), ["1 passed, 1 failed", 1]);
});

Deno.test("the test task counts a module that does not load as a failure", async () => {
  assertEquals(await runTestTask(`import "./missing.ts";`), ["0 passed, 1 failed", 1]);
});
