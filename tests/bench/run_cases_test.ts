import { assertEquals, assertStringIncludes } from "@std/assert";
import { runCases } from "../../bench/fuzz/run_cases.ts";
import { Tally } from "../../bench/fuzz/tally.ts";

Deno.test("runCases() notes a case that rejects and one that hangs, and runs the others", async () => {
  const tally = new Tally("test", 4);
  const ran: number[] = [];
  const run = (index: number): Promise<void> => {
    ran.push(index);
    if (index === 1) return Promise.reject(new Error("refused"));
    return index === 2 ? new Promise(() => {}) : Promise.resolve();
  };
  await runCases([0, 1, 2, 3], run, { tally, hangMs: 50, describe: (index) => `case ${index}` });
  assertEquals(ran, [0, 1, 2, 3]);
  const [refused = "", hanging = "", ...more] = tally.violations;
  assertStringIncludes(refused, "test:1 (case 1): Error: refused");
  assertStringIncludes(hanging, "test:2 (case 2): Error: It hangs: no end within 50 ms");
  assertEquals(more, []);
});
