/**
 * What a worker cannot do. The engine of these workers is given all of JavaScript; each attempt is made in a real worker process that
 * was started as production starts it, and must fail.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Pvf } from "../../src/pvf.ts";
import { script } from "./script_engine.ts";
import { withScriptHost } from "./with_host.ts";

/** What the attempts are about: places and servers that exist, so that only the sandbox can keep a worker from them. */
interface Targets {
  /** A file outside. */
  readonly outside: string;
  /** A server on loopback that counts who comes. */
  readonly port: number;
  /** Another worker's directory. */
  readonly neighbour: string;
  readonly hostPid: number;
}

/** What Deno says where it refuses something for lack of a permission, or for a flag that switches imports off. */
const REFUSED = /Requires \w+ access|requires unscoped --allow-read|--no-npm is specified|--no-remote is specified/;

/** What says no elsewhere: there is no place where storage that lasts could be. */
const REFUSED_OTHERWISE: Record<string, RegExp> = {
  "keep something in localStorage": /Not a directory/,
  "keep something in a cache": /Failed to create cache storage directory/,
  "ask for more permissions": /not granted/,
};

/** Name, and the body of an async function that has the targets as `t` and must throw. */
const ATTEMPTS: Record<string, string> = {
  "read a file outside": `Deno.readTextFileSync(t.outside)`,
  "read a file outside by ..": `Deno.readTextFileSync("../" + t.outside.split("/").at(-1))`,
  "read a file outside by node:fs": `process.getBuiltinModule("node:fs").readFileSync(t.outside)`,
  "read a file outside by fetch": `await (await fetch("file://" + t.outside)).text()`,
  "read a file outside by import": `await import("file://" + t.outside + "?x")`,
  "read a file outside by import of JSON": `await import("file://" + t.outside, { with: { type: "json" } })`,
  "read a file outside by import of text": `await import("file://" + t.outside, { with: { type: "text" } })`,
  "read a file outside by require": `process.getBuiltinModule("node:module").createRequire("file:///")(t.outside)`,
  "read /etc/passwd": `Deno.readTextFileSync("/etc/passwd")`,
  "read /proc/self/environ": `Deno.readTextFileSync("/proc/self/environ")`,
  "read the host's memory": `Deno.openSync("/proc/" + t.hostPid + "/mem")`,
  "read /dev/zero": `Deno.readFileSync("/dev/zero")`,
  "list the cache directory": `Array.from(Deno.readDirSync(".."))`,
  "list another worker's directory": `Array.from(Deno.readDirSync(t.neighbour))`,
  "stat a file outside": `Deno.statSync(t.outside)`,
  "resolve a path outside": `Deno.realPathSync(t.outside)`,
  "change to a directory outside": `Deno.chdir("..")`,
  "watch a directory outside": `Deno.watchFs("..")`,
  "write a file outside": `Deno.writeTextFileSync("../written-by-worker", "x")`,
  "write into another worker's directory": `Deno.writeTextFileSync(t.neighbour + "/written-by-worker", "x")`,
  "change a file outside": `Deno.writeTextFileSync(t.outside, "changed")`,
  "append to a file outside by node:fs": `process.getBuiltinModule("node:fs").appendFileSync(t.outside, "changed")`,
  "delete a file outside": `Deno.removeSync(t.outside)`,
  "delete the cache directory": `Deno.removeSync("..")`,
  "rename a file out of its directory":
    `Deno.writeTextFileSync("mine", "x"); Deno.renameSync("mine", "../written-by-worker")`,
  "copy a file out of its directory":
    `Deno.writeTextFileSync("mine", "x"); Deno.copyFileSync("mine", "../written-by-worker")`,
  "make a directory outside": `Deno.mkdirSync("../written-by-worker")`,
  "make a temporary file": `Deno.makeTempFileSync()`,
  "link to a file outside, symbolically": `Deno.symlinkSync(t.outside, "link"); Deno.readTextFileSync("link")`,
  "link to a file outside, symbolically and relatively":
    `Deno.symlinkSync("../..", "link"); Deno.readDirSync("link").next()`,
  "link to a file outside by node:fs": `process.getBuiltinModule("node:fs").symlinkSync(t.outside, "link")`,
  "link to a file outside, hard": `Deno.linkSync(t.outside, "link")`,
  "change the mode of a file outside": `Deno.chmodSync(t.outside, 0o777)`,
  "change the times of a file outside": `Deno.utimeSync(t.outside, 0, 0)`,
  "read the program that it runs": `Deno.readTextFileSync(new URL(Deno.mainModule))`,
  "fetch from a server": `await fetch("http://127.0.0.1:" + t.port + "/")`,
  "connect by TCP": `await Deno.connect({ port: t.port })`,
  "connect by node:net":
    `await new Promise((ok, no) => process.getBuiltinModule("node:net").connect(t.port, "127.0.0.1").on("connect", ok).on("error", no))`,
  "connect by WebSocket":
    `await new Promise((ok, no) => { const s = new WebSocket("ws://127.0.0.1:" + t.port); s.onopen = ok; s.onerror = no; })`,
  "listen": `Deno.listen({ port: 0 })`,
  "listen on a unix socket": `Deno.listen({ transport: "unix", path: "socket" })`,
  "resolve a name": `await Deno.resolveDns("localhost", "A")`,
  "import from a URL": `await import("http://127.0.0.1:" + t.port + "/module.js")`,
  "import from a registry": `await import("https://jsr.io/@std/path/1.0.0/mod.ts")`,
  "import from jsr": `await import("jsr:@std/path")`,
  "import from npm": `await import("npm:" + "scale-ts")`,
  "import from the net in a web worker":
    `await new Promise((ok, no) => { const w = new Worker("data:text/javascript," + encodeURIComponent("await import('http://127.0.0.1:" + t.port + "/module.js'); postMessage(1)"), { type: "module" }); w.onmessage = ok; w.onerror = (e) => { e.preventDefault(); no(e.message); }; })`,
  "read a file outside in a web worker":
    `await new Promise((ok, no) => { const w = new Worker("data:text/javascript," + encodeURIComponent("Deno.readTextFileSync('" + t.outside + "'); postMessage(1)"), { type: "module" }); w.onmessage = ok; w.onerror = (e) => { e.preventDefault(); no(e.message); }; })`,
  "run a command": `new Deno.Command("/bin/true").outputSync()`,
  "run deno": `new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync()`,
  "run a command by node:child_process":
    `const { error } = process.getBuiltinModule("node:child_process").spawnSync("/bin/true", { env: {} }); if (error) throw error`,
  "kill its host": `Deno.kill(t.hostPid, "SIGKILL")`,
  "kill its host by process.kill": `process.kill(t.hostPid, 0)`,
  "load a native library":
    `Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", { getpid: { parameters: [], result: "i32" } })`,
  "read an environment variable": `Deno.env.get("PATH")`,
  "list the environment": `Deno.env.toObject()`,
  "read process.env": `if (process.env.PATH === undefined) throw new Error("not there")`,
  "set an environment variable": `Deno.env.set("KILN", "1")`,
  "read the host name": `Deno.hostname()`,
  "read the user's id": `Deno.uid()`,
  "read the network interfaces": `Deno.networkInterfaces()`,
  "keep something in localStorage": `localStorage.setItem("kiln", "1")`,
  "keep something in a cache": `await caches.open("kiln")`,
  "open a database outside": `new (process.getBuiltinModule("node:sqlite").DatabaseSync)("../written-by-worker")`,
  "ask for more permissions":
    `if ((await Deno.permissions.request({ name: "read" })).state !== "granted") throw new Error("not granted")`,
};

Deno.test("a worker cannot leave its directory, use the network, run anything, see the environment or keep anything", async (t) => {
  let visits = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    visits++;
    return new Response("export {};", { headers: { "content-type": "text/javascript" } });
  });
  await withScriptHost({ maxExecuteWorkers: 2 }, async (host, cachePath) => {
    const outside = `${cachePath}/secret`;
    // It is text, JSON and a module at once, so that no way of reading it fails for its content.
    await Deno.writeTextFile(outside, '"secret"');
    const neighbour = `${cachePath}/worker-dir-execute-neighbour`;
    await Deno.mkdir(neighbour);
    const targets: Targets = { outside, port: server.addr.port, neighbour, hostPid: Deno.pid };
    const pvf = await Pvf.fromCode(script(`{
      async run({ params }) {
        const { body, targets: t } = JSON.parse(new TextDecoder().decode(params));
        try {
          await (Object.getPrototypeOf(async () => {}).constructor("t", body))(t);
          return "SUCCEEDED";
        } catch (error) {
          return String(error?.message ?? error);
        }
      }
    }`));
    const attempt = async (body: string): Promise<string> => {
      const outcome = await host.execute(pvf, { params: script(JSON.stringify({ body, targets })) });
      return outcome.kind === "valid" ? new TextDecoder().decode(outcome.result) : JSON.stringify(outcome);
    };
    assertEquals(await attempt("return;"), "SUCCEEDED", "the suite can tell success");
    assertEquals(await attempt(`Deno.writeTextFileSync("own", "x"); Deno.readTextFileSync("own")`), "SUCCEEDED");
    for (const [name, body] of Object.entries(ATTEMPTS)) {
      await t.step(name, async () => {
        const result = await attempt(body);
        assertMatch(result, REFUSED_OTHERWISE[name] ?? REFUSED);
      });
    }
    assertEquals(await Deno.readTextFile(outside), '"secret"');
    assertEquals(Array.from(Deno.readDirSync(neighbour)), []);
    assert(!Array.from(Deno.readDirSync(cachePath)).some((entry) => entry.name === "written-by-worker"));
    assertEquals(visits, 0, "nobody came to the server");
    await Deno.remove(neighbour);
  });
  await server.shutdown();
});

Deno.test("a worker leaves nothing for the next one", async () => {
  await withScriptHost({ maxJobsPerWorker: 1 }, async (host) => {
    const pvf = await Pvf.fromCode(script(`{
      run() {
        const found = [globalThis.left, ...Array.from(Deno.readDirSync("."), (entry) => entry.name)];
        globalThis.left = "left";
        Deno.mkdirSync("left/deep", { recursive: true });
        Deno.writeTextFileSync("left/file", "x");
        for (const keep of [() => localStorage.left, () => localStorage.setItem("left", "x")]) {
          try { found.push(keep()); } catch { /* there is no such thing here */ }
        }
        return JSON.stringify(found.filter((value) => value !== undefined));
      }
    }`));
    for (let job = 0; job < 3; job++) {
      const outcome = await host.execute(pvf, { params: new Uint8Array() });
      assert(outcome.kind === "valid");
      assertEquals(new TextDecoder().decode(outcome.result), "[]");
    }
  });
});

Deno.test("a worker finds its directory empty again at the next job", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const pvf = await Pvf.fromCode(script(`{
      run() {
        const found = Array.from(Deno.readDirSync("."), (entry) => entry.name);
        Deno.mkdirSync("left/deep", { recursive: true });
        return JSON.stringify(found);
      }
    }`));
    for (let job = 0; job < 3; job++) {
      const outcome = await host.execute(pvf, { params: new Uint8Array() });
      assert(outcome.kind === "valid");
      assertEquals(new TextDecoder().decode(outcome.result), "[]");
    }
  });
});
