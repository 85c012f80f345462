// deno-lint-ignore-file no-console -- a benchmark prints
/**
 * Measures what a user pays for the sandbox: Kiln's workers beside the same engine called in process, in the same run. Run it with
 * `deno task bench`.
 *
 * @module
 */
import { loadCryptoWasm } from "../src/crypto/load.ts";
import { WasmCrypto } from "../src/crypto/wasm_crypto.ts";
import { engine } from "../src/engine/pvf/pvf_engine.ts";
import { Pvf, ValidationHost } from "../mod.ts";
import { caseParams, pvfCode } from "../tests/testdata.ts";
import { Lab } from "../tests/it/lab.ts";
import { processesWith } from "../tests/it/processes.ts";
import { median, memoryOf, ms, time } from "./measure.ts";
import { measureQueue, measureVerdicts } from "./throughput.ts";
import { measureWalls } from "./walls.ts";

const RUNS: Record<string, number> = { v01_block1_remark: 100, v05_block1_transfers_300: 20 };
const SPAWNS = 30;
const LIMITS = {
  kind: "precheck",
  maxMemoryPages: 2080,
  wasmExtBulkMemory: false,
  codeBombLimitBytes: 30 * 2 ** 20,
} as const;

async function main(): Promise<void> {
  console.log(`Deno ${Deno.version.deno}, V8 ${Deno.version.v8}, ${navigator.hardwareConcurrency} cores\n`);
  await measureSpawn();
  await measurePrecheck();
  await measureExecution();
  await measureQueue();
  await measureVerdicts();
  await measureWalls();
}

/** From the decision to start a worker to its being idle. */
async function measureSpawn(): Promise<void> {
  await using lab = await Lab.open({ engineSource: null });
  const times: number[] = [];
  for (let run = 0; run < SPAWNS; run++) {
    const { elapsed, value } = await time(() => lab.spawn("execute-worker"));
    times.push(elapsed);
    if (run === 0) console.log(`idle worker              ${memoryOf(value.pid)}`);
    await value.retire();
  }
  console.log(`spawn to idle worker     median ${ms(median(times))} of ${SPAWNS}`);
}

async function measurePrecheck(): Promise<void> {
  const code = await pvfCode();
  const services = { crypto: new WasmCrypto(await loadCryptoWasm()) };
  const inProcess = await time(() => engine.prepare({ code, ...LIMITS }, services));
  await withHost(async (host) => {
    const { elapsed } = await time(async () => await host.precheck(await Pvf.fromCode(code)));
    console.log(`precheck                 ${ms(elapsed)} with a worker's start; in process ${ms(inProcess.elapsed)}`);
  });
}

async function measureExecution(): Promise<void> {
  const code = await pvfCode();
  const pvf = await Pvf.fromCode(code);
  const services = { crypto: new WasmCrypto(await loadCryptoWasm()) };
  const { artifact } = await engine.prepare({ code, ...LIMITS }, services);
  for (const [name, runs] of Object.entries(RUNS)) {
    const params = caseParams(name);
    await withHost(async (host) => {
      await host.precheck(pvf);
      const loaded = await time(() => engine.load(artifact, services));
      const input = { params, povBombLimitBytes: 20 * 2 ** 20, log: { add: () => {} } };
      const firstThere = await time(() => loaded.value.run(input));
      const firstHere = await time(() => host.execute(pvf, { params }));
      const here: number[] = [];
      const there: number[] = [];
      // In turn, so that a change of the machine's speed meets both.
      for (let run = 0; run < runs; run++) {
        here.push((await time(() => host.execute(pvf, { params }))).elapsed);
        there.push((await time(() => loaded.value.run(input))).elapsed);
      }
      console.log(`\n${name}`);
      console.log(
        `  first                  ${ms(firstHere.elapsed)} with a worker's start; in process ${
          ms(loaded.elapsed + firstThere.elapsed)
        }`,
      );
      console.log(`  warm, median of ${String(runs).padEnd(7)}${ms(median(here))}; in process ${ms(median(there))}`);
      const [pid] = processesWith(`${host.artifacts.path}/worker-dir-execute`);
      if (pid !== undefined) console.log(`  worker                 ${memoryOf(pid)}`);
    });
  }
}

async function withHost(work: (host: ValidationHost) => Promise<void>): Promise<void> {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-bench-" });
  try {
    await using host = await ValidationHost.start({ cachePath });
    await work(host);
  } finally {
    await Deno.remove(cachePath, { recursive: true });
  }
}

await main();
