/** Mutated code through prepare workers, without a host around them: most of the cases, since this is what is fast. */
import { jobLimits, Lab, NEVER } from "../../tests/it/lab.ts";
import { processesWith } from "../../tests/it/processes.ts";
import type { IdleWorker } from "../../src/worker_process/idle_worker.ts";
import { type PrepareJobOutcome, runPrepareJob } from "../../src/worker_process/prepare_job.ts";
import { wallClockLimitMs } from "../../src/worker_process/limits.ts";
import type { CodeCases } from "./code_cases.ts";
import { LANES, runCases } from "./run_cases.ts";
import type { Tally } from "./tally.ts";

const TIMEOUT_MS = 5_000;
/** For a worker's start, its end, and a machine that is busy. */
const MARGIN_MS = 20_000;

const LIMITS = {
  codeHash: new Uint8Array(32),
  prepHash: new Uint8Array(32),
  kind: "precheck",
  wasmExtBulkMemory: false,
  codeBombLimitBytes: 30 * 2 ** 20,
  limits: jobLimits(TIMEOUT_MS),
} as const;

/** What code can be at fault for. All else would be the fault of a worker or of the host. */
const CODE_AT_FAULT = ["decompression", "prevalidation", "preparation", "runtime-construction", "out-of-memory"];

/** Prepares the cases. A worker that is given back takes the next. */
export async function preparePart(cases: CodeCases, indexes: Iterable<number>, tally: Tally): Promise<void> {
  await using lab = await Lab.open({ engineSource: null });
  const workers = new Map<number, IdleWorker>();
  await runCases(indexes, async (index, lane) => {
    const { code, how } = cases.make(index);
    const worker = workers.get(lane) ?? await lab.spawn("prepare-worker");
    workers.delete(lane);
    const outcome = await runPrepareJob(worker, { ...LIMITS, code }, lab.registry, NEVER);
    const given = idleWorkerOf(outcome);
    if (given) workers.set(lane, given);
    const kind = await kindOf(outcome, lab);
    tally.note(index, kind);
    const isKnown = kind === "prepared" || CODE_AT_FAULT.includes(kind);
    if (!isKnown) tally.violate(index, how, JSON.stringify(outcome));
    const { length } = processesWith(lab.cachePath);
    if (length > LANES) tally.violate(index, how, `${length} workers are there, at most ${LANES} wanted`);
  }, { tally, hangMs: wallClockLimitMs(TIMEOUT_MS) + MARGIN_MS, describe: (index) => cases.make(index).how });
  for (const worker of workers.values()) await worker.retire();
  const left = [...lab.workerDirectories(), ...processesWith(lab.cachePath).map((pid) => `process ${pid}`)];
  if (left.length > 0) tally.violate(-1, "at the end", `left behind: ${left.join(", ")}`);
}

/** A worker may be given back or not: that is the host's business. */
function idleWorkerOf(outcome: PrepareJobOutcome): IdleWorker | undefined {
  return "worker" in outcome ? outcome.worker : undefined;
}

async function kindOf(outcome: PrepareJobOutcome, lab: Lab): Promise<string> {
  if (outcome.kind !== "concluded") return outcome.kind;
  if ("error" in outcome.result) return outcome.result.error;
  await lab.registry.discard(outcome.result.path);
  return "prepared";
}
