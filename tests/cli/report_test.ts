import { assertEquals } from "@std/assert";
import { TEXT_REPORT } from "../../src/cli/report.ts";

Deno.test("what code says of itself cannot steer the terminal of who reads it", () => {
  const hostile = "before \x1b[2J\x1b]0;title\x07 \r\u202e after\n\tnext line ö";
  const message = "before \\u{1b}[2J\\u{1b}]0;title\\u{7} \\u{d}\\u{202e} after\n\tnext line ö";
  assertEquals(
    TEXT_REPORT.execution("file", { kind: "invalid", reason: "worker-reported-invalid", message: hostile, log: [] }),
    `invalid  file\n  worker-reported-invalid: ${message}`,
  );
  const error = { kind: "prevalidation", message: hostile } as const;
  assertEquals(
    TEXT_REPORT.precheck("file", { kind: "failed", codeHash: "0x00", error }),
    `failed  file\n  prevalidation: ${message}`,
  );
});
