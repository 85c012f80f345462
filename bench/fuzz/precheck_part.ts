/** Mutated code through a whole host: prechecked, and what can be prepared is executed on a block. */
import { Pvf, type ValidationHost } from "../../mod.ts";
import { wallClockLimitMs } from "../../src/worker_process/limits.ts";
import { ADDER_GENESIS, adderBlock, validationParams } from "../../tests/it/test_pvfs.ts";
import { caseParams } from "../../tests/testdata.ts";
import type { CodeBase } from "./code_bases.ts";
import type { CodeCases } from "./code_cases.ts";
import { onHost } from "./on_host.ts";
import { runCases } from "./run_cases.ts";
import type { Tally } from "./tally.ts";

const PREPARE_TIMEOUT_MS = 5_000;
const EXECUTE_TIMEOUT_MS = 300;
/** For the starts and ends of two workers, binding, and a machine that is busy. */
const MARGIN_MS = 30_000;
/** How often artifacts are pruned: each is needed once only. */
const CASES_PER_PRUNING = 100;
/** As many failures as a registry remembers, and what was prepared since the last pruning or during it. */
const MAX_ENTRIES = 1_000 + 2 * CASES_PER_PRUNING;

/** What code can be at fault for. */
const CODE_AT_FAULT = ["decompression", "prevalidation", "preparation", "runtime-construction", "out-of-memory"];
const VERDICTS = ["valid", "invalid", "possibly-invalid"];

/** Prechecks the cases and executes what passes. */
export async function precheckPart(cases: CodeCases, indexes: Iterable<number>, tally: Tally): Promise<void> {
  const limits = { precheckTimeoutMs: PREPARE_TIMEOUT_MS, softPrepareWorkers: 2 };
  await onHost(limits, tally, async (host) => {
    await runCases(indexes, (index) => precheck(host, cases, index, tally), {
      tally,
      hangMs: wallClockLimitMs(PREPARE_TIMEOUT_MS) + wallClockLimitMs(EXECUTE_TIMEOUT_MS) + MARGIN_MS,
      describe: (index) => cases.make(index).how,
    });
  });
}

async function precheck(host: ValidationHost, cases: CodeCases, index: number, tally: Tally): Promise<void> {
  const { base, code, how } = cases.make(index);
  const pvf = await Pvf.fromCode(code);
  const outcome = await host.precheck(pvf);
  if (outcome.kind === "failed") {
    const { kind } = outcome.error;
    tally.note(index, `failed: ${kind}`);
    if (!CODE_AT_FAULT.includes(kind)) tally.violate(index, how, JSON.stringify(outcome));
  } else {
    const verdict = await host.execute(pvf, { params: paramsFor(base), timeoutMs: EXECUTE_TIMEOUT_MS });
    tally.note(index, verdict.kind === "valid" ? "prepared, valid" : `prepared, ${verdict.kind}: ${verdict.reason}`);
    // Other code may give any verdict, but the host must not take the blame for what it does.
    if (!VERDICTS.includes(verdict.kind)) tally.violate(index, how, JSON.stringify(verdict));
  }
  if (index % CASES_PER_PRUNING === 0) await host.prune(0);
  if (host.artifacts.size > MAX_ENTRIES) {
    tally.violate(index, how, `the registry has ${host.artifacts.size} entries, at most ${MAX_ENTRIES} wanted`);
  }
}

const ADDER_PARAMS = validationParams(ADDER_GENESIS, adderBlock(0n, 512n));
const REAL_PARAMS = caseParams("v01_block1_remark");

function paramsFor(base: CodeBase): Uint8Array {
  return base === "real" ? REAL_PARAMS : ADDER_PARAMS;
}
