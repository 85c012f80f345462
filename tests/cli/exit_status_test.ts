import { assertEquals } from "@std/assert";
import * as status from "../../src/cli/exit_status.ts";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import type { PrepareErrorKind } from "../../src/prepare_error.ts";

Deno.test("heaviest() is what a script has to know of most", () => {
  const { OK, AGAINST, TIMEOUT, USAGE, INTERNAL } = status;
  assertEquals(status.heaviest([]), OK);
  assertEquals(status.heaviest([OK, AGAINST]), AGAINST);
  assertEquals(status.heaviest([TIMEOUT, AGAINST]), TIMEOUT);
  assertEquals(status.heaviest([TIMEOUT, USAGE]), USAGE);
  assertEquals(status.heaviest([USAGE, INTERNAL, OK]), INTERNAL);
});

Deno.test("ofExecution() tells verdicts against, timeouts and internal failures apart", () => {
  const outcome = (kind: string, reason: string): ExecuteOutcome => ({ kind, reason, message: "", log: [] }) as never;
  assertEquals(status.ofExecution(outcome("invalid", "worker-reported-invalid")), 1);
  assertEquals(status.ofExecution(outcome("invalid", "hard-timeout")), 124);
  assertEquals(status.ofExecution(outcome("possibly-invalid", "wall-clock-timeout")), 124);
  assertEquals(status.ofExecution(outcome("possibly-invalid", "job-error")), 1);
  assertEquals(status.ofExecution(outcome("preparation", "prevalidation")), 1);
  assertEquals(status.ofExecution(outcome("internal", "spawn")), 3);
});

Deno.test("ofPrecheck() tells verdicts against, timeouts and internal failures apart", () => {
  const failed = (kind: PrepareErrorKind) =>
    status.ofPrecheck({ kind: "failed", codeHash: "0x", error: { kind, message: "" } });
  assertEquals(
    ["prevalidation", "runtime-construction", "timed-out", "job-died"].map((kind) => failed(kind as PrepareErrorKind)),
    [1, 1, 124, 3],
  );
});
