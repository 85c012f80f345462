/** Many executions of a real block at once, and what is left of them when their callers lose interest. */
import { assert, assertEquals, assertGreater, assertStrictEquals } from "@std/assert";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import type { ValidationHost } from "../../src/host.ts";
import { Pvf } from "../../src/pvf.ts";
import { caseParams, caseResult, pvfCode } from "../testdata.ts";
import { processesWith } from "./processes.ts";
import { withHost } from "./with_host.ts";

const CASE = "v01_block1_remark";
const params = caseParams(CASE);
const result = caseResult(CASE);
const pvf = await Pvf.fromCode(await pvfCode());

function execute(host: ValidationHost, signal?: AbortSignal): Promise<ExecuteOutcome> {
  return host.execute(pvf, { params, ...(signal && { signal }) });
}

function assertRight(outcome: ExecuteOutcome): void {
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  assertEquals(outcome.result, result);
}

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

/** The seed of a failed run can be given again. */
function chooseSeed(): number {
  return Number(Deno.env.get("KILN_STRESS_SEED") ?? Math.floor(Math.random() * 2 ** 32));
}

Deno.test("100 validations of a real block at once with the default numbers of workers are all right", async () => {
  await withHost({ spareExecuteWorkers: 1 }, async (host) => {
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => execute(host)));
    outcomes.forEach(assertRight);
    assertEquals(host.artifacts.size, 1);
  });
});

/** How long the callers go on to lose interest: while the block is prepared, while jobs wait, and while they run. */
const ABORTING_MS = 5_000;

/** Executes, and aborts at a moment from the first on. Says whether the outcome came before. */
async function executeAndAbort(host: ValidationHost, moment: number): Promise<"right" | "aborted"> {
  const abort = new AbortController();
  const reason = new Error(`aborted after ${moment} ms`);
  const timer = setTimeout(() => abort.abort(reason), moment);
  try {
    assertRight(await execute(host, abort.signal));
    return "right";
  } catch (error) {
    assertStrictEquals(error, reason);
    return "aborted";
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("of 1000 validations that are aborted at random moments each one settles, and nothing is left", async (t) => {
  const seed = chooseSeed();
  await t.step(`KILN_STRESS_SEED=${seed}`, async () => {
    const random = randomFrom(seed);
    await withHost({ spareExecuteWorkers: 1 }, async (host, cachePath) => {
      let most = 0;
      const watch = setInterval(
        () => most = Math.max(most, processesWith(`${cachePath}/worker-dir-execute-`).length),
        25,
      );
      const moments = Array.from({ length: 1_000 }, () => random() * ABORTING_MS);
      const ends = await Promise.all(moments.map((moment) => executeAndAbort(host, moment)));
      clearInterval(watch);
      assertEquals(most, 2, "no more workers than allowed, however many are ended and replaced");
      // Whoever waits to the end may be served.
      assertGreater(ends.filter((end) => end === "aborted").length, 100);
      assertGreater(ends.filter((end) => end === "right").length, 0);
      assertRight(await execute(host));
      const { busy, waiting } = host.snapshot().executeWorkers;
      assertEquals({ busy, waiting }, { busy: 0, waiting: 0 });
    });
  });
});
