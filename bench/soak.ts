// deno-lint-ignore-file no-console -- a command prints
/**
 * Keeps one host busy for long while its workers are killed, stopped and starved: `deno task soak [--seed N] [--jobs N]`. The seed
 * decides about jobs and chaos, but not about the moments at which they meet.
 *
 * Exit status 1 says that a call did not settle or ended as it must not, that memory grew, or that something was left behind.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { ValidationHost } from "../mod.ts";
import { leftovers } from "./fuzz/leftovers.ts";
import { within } from "./fuzz/run_cases.ts";
import { Random } from "./random.ts";
import { Chaos } from "./soak/chaos.ts";
import { SoakJobs } from "./soak/jobs.ts";
import { SoakRun } from "./soak/run.ts";
import { SOAK_ENGINE } from "./soak/scripts.ts";
import { describeRun } from "./soak/report.ts";

const DEFAULT_JOBS = 20_000;
const CLOSE_LIMIT_MS = 30_000;

function whole(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d+$/.test(text)) return Number(text);
  throw new TypeError(`Cannot use --${name} "${text}": a whole number wanted`);
}

async function main(seed: number, jobs: number): Promise<number> {
  console.log(`seed ${seed}: repeat with --seed ${seed} --jobs ${jobs}`);
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-soak-" });
  const run = new SoakRun(await SoakJobs.load(seed), seed);
  const host = await ValidationHost.start({
    cachePath,
    engineSource: SOAK_ENGINE,
    maxExecuteWorkers: 4,
    maxQueuedExecutions: 64,
    idleWorkerTimeoutMs: 3_000,
    maxJobsPerWorker: 50,
    affinityLimitMs: 200,
    spawnTimeoutMs: 2_000,
    spawnRetryDelayMs: 20,
    precheckTimeoutMs: 750,
    prepareTimeoutMs: 750,
    // What chaos made fail is tried again at once, so that no code is lost for the rest of the run.
    prepareRetryCooldownMs: 0,
    maxPrepareRetries: 2 ** 32 - 1,
    onWarning: (message, error) => run.warn(message, error),
  });
  const chaos = new Chaos(cachePath, new Random(seed, "chaos"));
  chaos.start();
  await run.work(host, jobs);
  await chaos.end();
  await within(CLOSE_LIMIT_MS, run.closeAtWork(host)).catch((error) => run.violate(`closing the host: ${error}`));
  const left = leftovers(cachePath);
  if (left.length > 0) run.violate(`left behind: ${left.join(", ")}`);
  console.log(describeRun(run, chaos.counts, left));
  await Deno.remove(cachePath, { recursive: true });
  return run.violations.length > 0 ? 1 : 0;
}

const { seed, jobs } = parseArgs(Deno.args, { string: ["seed", "jobs"] });
const chosen = whole("seed", seed, crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
// What hangs must not keep the run from its end.
Deno.exit(await main(chosen, whole("jobs", jobs, DEFAULT_JOBS)));
