/** Code that uses much memory, again and again in one worker. */
import { assertEquals, assertMatch } from "@std/assert";
import { Pvf } from "../../src/pvf.ts";
import { script } from "./script_engine.ts";
import { withScriptHost } from "./with_host.ts";

/** Makes a memory for each job, as an engine does, and touches all of it. */
const BIG = `{
  run() {
    const memory = new WebAssembly.Memory({ initial: 2_000 });
    new Uint8Array(memory.buffer).fill(1);
    return String(Deno.pid);
  }
}`;

Deno.test("what a job's memory was does not count against the next job of the same worker", async () => {
  await withScriptHost({ maxExecuteWorkers: 1, limits: { processMemoryBytes: 256 * 2 ** 20 } }, async (host) => {
    const pvf = await Pvf.fromCode(script(BIG));
    const workers = new Set<string>();
    for (let job = 0; job < 6; job++) {
      const outcome = await host.execute(pvf, { params: new Uint8Array() });
      workers.add(outcome.kind === "valid" ? new TextDecoder().decode(outcome.result) : JSON.stringify(outcome));
    }
    const [worker = ""] = workers;
    assertMatch(worker, /^\d+$/);
    assertEquals(workers.size, 1, [...workers].join());
  });
});
