/** Mutated parameters of real blocks through a whole host: none that is another block may be valid. */
import { type ExecuteOutcome, Pvf, type ValidationHost } from "../../mod.ts";
import { wallClockLimitMs } from "../../src/worker_process/limits.ts";
import { pvfCode } from "../../tests/testdata.ts";
import { sameBytes } from "./block.ts";
import { onHost } from "./on_host.ts";
import type { ParamsCase, ParamsCases } from "./params_cases.ts";
import { runCases } from "./run_cases.ts";
import type { Tally } from "./tally.ts";

const TIMEOUT_MS = 2_000;
/** For a worker's start, binding, and a machine that is busy. */
const MARGIN_MS = 30_000;

/** Executes the cases. */
export async function paramsPart(cases: ParamsCases, indexes: Iterable<number>, tally: Tally): Promise<void> {
  const pvf = await Pvf.fromCode(await pvfCode());
  await onHost({}, tally, async (host) => {
    await host.precheck(pvf);
    await runCases(indexes, (index) => execute(host, pvf, { mutated: cases.make(index), index, tally }), {
      tally,
      hangMs: wallClockLimitMs(TIMEOUT_MS) + MARGIN_MS,
      describe: (index) => cases.make(index).how,
    });
  });
}

interface Case {
  readonly mutated: ParamsCase;
  readonly index: number;
  readonly tally: Tally;
}

async function execute(host: ValidationHost, pvf: Pvf, { mutated, index, tally }: Case): Promise<void> {
  const outcome = await host.execute(pvf, { params: mutated.params, timeoutMs: TIMEOUT_MS });
  tally.note(
    index,
    `${judgement(mutated)}, ${outcome.kind === "valid" ? "valid" : `${outcome.kind}: ${outcome.reason}`}`,
  );
  const wrong = whatIsWrong(mutated, outcome);
  if (wrong) tally.violate(index, mutated.how, `${wrong}: ${describe(outcome)}`);
}

function judgement({ expected }: ParamsCase): string {
  if (!expected) return "changed block";
  return expected.isResealed ? "same block with another seal item" : "same block";
}

/** Whether it is a changed block was decided before there was an outcome. */
function whatIsWrong({ expected }: ParamsCase, outcome: ExecuteOutcome): string | undefined {
  if (outcome.kind === "valid") {
    if (!expected) return "A changed block is valid";
    return sameBytes(expected.result, outcome.result) ? undefined : "The same block has another result";
  }
  if (expected) return "The same block is not valid";
  return outcome.kind === "invalid" || outcome.kind === "possibly-invalid" ? undefined : "No verdict on the block";
}

function describe(outcome: ExecuteOutcome): string {
  return outcome.kind === "valid" ? `result 0x${outcome.result.toHex()}` : JSON.stringify(outcome);
}
