import { assertEquals } from "@std/assert";
import { memoryLimitPages } from "../../src/executor_params.ts";

Deno.test("code gets the pages of its heap and 32 for its stack, and never more than can be addressed", () => {
  const limits = [undefined, 1, 2048, 65_504, 65_505, 65_536].map((maxMemoryPages) =>
    memoryLimitPages(maxMemoryPages === undefined ? {} : { maxMemoryPages })
  );
  assertEquals(limits, [2080, 33, 2080, 65_536, 65_536, 65_536]);
});
