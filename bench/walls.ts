// deno-lint-ignore-file no-console -- a benchmark prints
/**
 * What each wall around a worker costs: the same worker with and without it, in turn, in one run. Where bubblewrap cannot be used, its
 * rows are left out, and why is said.
 */
import { errorText } from "../src/error_text.ts";
import { type ExecuteJob, runExecuteJob } from "../src/worker_process/execute_job.ts";
import type { IdleWorker } from "../src/worker_process/idle_worker.ts";
import { OuterSandbox } from "../src/worker_process/outer_sandbox.ts";
import { runPrepareJob } from "../src/worker_process/prepare_job.ts";
import { BOUNDS, PATHS } from "../tests/it/bubblewrap.ts";
import { jobLimits, Lab, NEVER, prepareJob } from "../tests/it/lab.ts";
import { SCRIPT_ENGINE, UNWATCHED_ENGINE } from "../tests/it/script_engine.ts";
import { median, ms, time } from "./measure.ts";

const ROUNDS = 30;
const LATER_JOBS = 20;

interface Variant {
  readonly name: string;
  readonly lab: Lab;
  readonly job: ExecuteJob;
  readonly spawns: number[];
  readonly firsts: number[];
  readonly later: number[];
}

/** Measures and prints. */
export async function measureWalls(): Promise<void> {
  const variants = await open();
  for (let round = 0; round < ROUNDS; round++) for (const variant of variants) await measure(variant);
  console.log(`\nwalls, medians of ${ROUNDS}        spawn to idle   first job   later job   spawn to first result`);
  for (const { name, lab, spawns, firsts, later } of variants) {
    const totals = spawns.map((spawn, round) => spawn + (firsts[round] ?? NaN));
    const figures = [spawns, firsts, later, totals].map((times) => ms(median(times)).padStart(12));
    console.log(`  ${name.padEnd(28)}${figures.join("")}`);
    await lab[Symbol.asyncDispose]();
  }
}

async function open(): Promise<Variant[]> {
  const directory = await Deno.makeTempDir({ prefix: "kiln-bench-" });
  const variants = [await variant("no watchdog", UNWATCHED_ENGINE), await variant("watchdog", SCRIPT_ENGINE)];
  for (
    const [name, prlimitPath] of [["and bubblewrap", "/nonexistent"], ["and bubblewrap, prlimit", PATHS.prlimitPath]]
  ) {
    try {
      const sandbox = await OuterSandbox.open({ ...PATHS, prlimitPath: `${prlimitPath}` }, {
        denoPath: Deno.execPath(),
        directory,
        bounds: BOUNDS,
      });
      variants.push(await variant(`${name}`, SCRIPT_ENGINE, sandbox));
    } catch (error) {
      console.log(`no bubblewrap: ${errorText(error)}`);
    }
  }
  await Deno.remove(directory);
  return variants;
}

async function variant(name: string, engineSource: string, sandbox?: OuterSandbox): Promise<Variant> {
  const lab = await Lab.open({ engineSource, outer: sandbox && { sandbox, bounds: BOUNDS } });
  const { code, ...wanted } = prepareJob(`{ run: () => "" }`);
  const prepared = await runPrepareJob(await lab.spawn("prepare-worker"), { code, ...wanted }, lab.registry, NEVER);
  if (prepared.kind !== "concluded" || !("path" in prepared.result)) throw new Error(JSON.stringify(prepared));
  await prepared.worker.retire();
  const { codeHash, prepHash } = wanted;
  const artifact = { ...prepared.result, codeHash, prepHash };
  const job = { artifact, params: new Uint8Array(1024), povBombLimitBytes: 1, limits: jobLimits(10_000) };
  return { name, lab, job, spawns: [], firsts: [], later: [] };
}

async function measure({ lab, job, spawns, firsts, later }: Variant): Promise<void> {
  const spawned = await time(() => lab.spawn("execute-worker"));
  spawns.push(spawned.elapsed);
  let worker = await run(spawned.value, job, firsts);
  for (let left = LATER_JOBS; left > 0; left--) worker = await run(worker, job, later);
  await worker.retire();
}

async function run(worker: IdleWorker, job: ExecuteJob, times: number[]): Promise<IdleWorker> {
  const { elapsed, value } = await time(() => runExecuteJob(worker, job, NEVER));
  if (value.kind !== "concluded" || !value.worker) throw new Error(JSON.stringify(value));
  times.push(elapsed);
  return value.worker;
}
