import { assertEquals } from "@std/assert";
import { execTimeoutMs, prepTimeoutMs } from "../../src/executor_params.ts";

const params = { prepTimeoutMs: { precheck: 30_000 }, execTimeoutMs: { approval: 15_000 } };

Deno.test("a timeout is that of its kind, and the default where none is given", () => {
  assertEquals(prepTimeoutMs(params, "precheck", 1), 30_000);
  assertEquals(prepTimeoutMs(params, "prepare", 1), 1);
  assertEquals(execTimeoutMs(params, "backing", 2), 2);
  assertEquals(execTimeoutMs(params, "approval", 2), 15_000);
  assertEquals([prepTimeoutMs({}, "prepare", 3), execTimeoutMs({}, "backing", 4)], [3, 4]);
});

Deno.test("a timeout is at least what can be measured, and at most what a timer can wait at four times its length", () => {
  assertEquals(execTimeoutMs({ execTimeoutMs: { backing: 0 } }, "backing", 2), 1);
  const most = prepTimeoutMs({ prepTimeoutMs: { prepare: Number.MAX_SAFE_INTEGER } }, "prepare", 2);
  assertEquals(most, 536_870_911);
  assertEquals(most * 4 < 2 ** 31, true);
});
