import { assertEquals, assertThrows } from "@std/assert";
import { ExecuteFailure } from "../../../../src/engine/engine.ts";
import { Harness, utf8 } from "./harness.ts";

const LOG = "ext_logging_log_version_1";

Deno.test("ext_logging_log adds entries, with levels counted from 1", () => {
  const harness = new Harness();
  const target = harness.slice(utf8("runtime::säule"));
  for (let level = 0; level < 5; level++) harness.call(LOG, level, target, harness.slice(utf8(`message ${level}`)));
  assertEquals(harness.log.map(([level]) => level), [1, 2, 3, 4, 5]);
  assertEquals(harness.log[0], [1, "runtime::säule", "message 0"]);
});

Deno.test("ext_logging_log writes replacement characters for what is not UTF-8", () => {
  const harness = new Harness();
  harness.call(LOG, 0, harness.slice(utf8("t")), harness.slice(Uint8Array.of(0x61, 0xff)));
  assertEquals(harness.log, [[1, "t", "a\ufffd"]]);
});

Deno.test("a level that does not exist is a trap", () => {
  const harness = new Harness();
  for (const level of [5, -1]) {
    const error = assertThrows(() => harness.call(LOG, level, 0n, 0n), ExecuteFailure);
    assertEquals([error.kind, error.message], ["trap", `Cannot log: level ${level} found, 0 to 4 wanted`]);
  }
});

Deno.test("ext_logging_max_level answers info", () => {
  assertEquals(new Harness().call("ext_logging_max_level_version_1"), 3);
});

Deno.test("ext_misc_print_* go to the log", () => {
  const harness = new Harness();
  harness.call("ext_misc_print_utf8_version_1", harness.slice(utf8("Hash not equal")));
  harness.call("ext_misc_print_hex_version_1", harness.slice(Uint8Array.of(0, 171)));
  harness.call("ext_misc_print_num_version_1", -1n);
  assertEquals(harness.log, [
    [4, "runtime", "Hash not equal"],
    [4, "runtime", "00ab"],
    [4, "runtime", "18446744073709551615"],
  ]);
});
