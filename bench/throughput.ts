// deno-lint-ignore-file no-console -- a benchmark prints
/** What the queue costs, with an engine that does nothing, and how many verdicts two workers give. */
import { loadCryptoWasm } from "../src/crypto/load.ts";
import { WasmCrypto } from "../src/crypto/wasm_crypto.ts";
import { engine } from "../src/engine/pvf/pvf_engine.ts";
import { type HostOptions, Pvf, ValidationHost } from "../mod.ts";
import { caseParams, pvfCode } from "../tests/testdata.ts";
import { median, ms, time } from "./measure.ts";

const NO_OP_ENGINE = `export const engine = {
  prepare: ({ code }) => ({ artifact: code, decompressedBytes: code.length }),
  load: () => ({ run: ({ params }) => ({ result: params, peakMemoryPages: 0 }) }),
};`;
const NOTHING = new Uint8Array();
const ONE_BY_ONE = 1_000;
const AT_ONCE = 1_000;
const BLOCKS = 400;

/** From call to worker and back: one job at a time, and with a thousand in the queue. */
export async function measureQueue(): Promise<void> {
  await withHost({ engineSource: NO_OP_ENGINE, maxQueuedExecutions: AT_ONCE }, async (host) => {
    const pvf = await Pvf.fromCode(NOTHING);
    const once = (): Promise<unknown> => host.execute(pvf, { params: NOTHING });
    await Promise.all([once(), once()]);
    const times: number[] = [];
    for (let job = 0; job < ONE_BY_ONE; job++) times.push((await time(once)).elapsed);
    console.log(`\nno-op job, one at a time  median ${ms(median(times))} of ${ONE_BY_ONE}`);
    const { elapsed } = await time(() => Promise.all(Array.from({ length: AT_ONCE }, once)));
    const perSecond = Math.round(AT_ONCE / elapsed * 1_000);
    console.log(`no-op jobs, ${AT_ONCE} at once  ${ms(elapsed / AT_ONCE)} each, ${perSecond} a second with 2 workers`);
  });
}

/** Verdicts on v01: two workers beside the engine in this process, which has one thread for it. */
export async function measureVerdicts(): Promise<void> {
  const code = await pvfCode();
  const pvf = await Pvf.fromCode(code);
  const params = caseParams("v01_block1_remark");
  const services = { crypto: new WasmCrypto(await loadCryptoWasm()) };
  const limits = {
    kind: "compile",
    maxMemoryPages: 2080,
    codeBombLimitBytes: 30 * 2 ** 20,
    wasmExtBulkMemory: false,
  } as const;
  const loaded = await engine.load((await engine.prepare({ code, ...limits }, services)).artifact, services);
  const input = { params, povBombLimitBytes: 20 * 2 ** 20, log: { add: () => {} } };
  await withHost({}, async (host) => {
    const validate = (): Promise<unknown> => host.execute(pvf, { params });
    await Promise.all(Array.from({ length: 50 }, validate));
    for (let run = 0; run < 50; run++) await loaded.run(input);
    const here = await time(() => Promise.all(Array.from({ length: BLOCKS }, validate)));
    const there = await time(async () => {
      for (let run = 0; run < BLOCKS; run++) await loaded.run(input);
    });
    const perSecond = (elapsed: number): number => Math.round(BLOCKS / elapsed * 1_000);
    console.log(
      `v01 verdicts a second     ${perSecond(here.elapsed)} with 2 workers; in process ${perSecond(there.elapsed)}`,
    );
  });
}

async function withHost(options: Partial<HostOptions>, work: (host: ValidationHost) => Promise<void>): Promise<void> {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-bench-" });
  try {
    await using host = await ValidationHost.start({ cachePath, ...options });
    await work(host);
  } finally {
    await Deno.remove(cachePath, { recursive: true });
  }
}
