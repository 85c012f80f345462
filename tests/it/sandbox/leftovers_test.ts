/** What a job leaves behind: nothing for the next worker, and nothing in its own worker's directory. */
import { assert, assertEquals } from "@std/assert";
import { Pvf } from "../../../src/pvf.ts";
import { script } from "../script_engine.ts";
import { withScriptHost } from "../with_host.ts";

Deno.test("a worker leaves nothing for the next one", async () => {
  await withScriptHost({ maxJobsPerWorker: 1 }, async (host) => {
    const pvf = await Pvf.fromCode(script(`{
      run() {
        const found = [globalThis.left, ...Array.from(Deno.readDirSync("."), (entry) => entry.name)];
        globalThis.left = "left";
        for (const keep of [
          () => Deno.mkdirSync("left/deep", { recursive: true }),
          () => Deno.writeTextFileSync("left/file", "x"),
          () => localStorage.left,
          () => localStorage.setItem("left", "x"),
        ]) {
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
        try { Deno.mkdirSync("left/deep", { recursive: true }); } catch { /* It may not. */ }
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
