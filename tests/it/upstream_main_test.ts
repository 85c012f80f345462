/**
 * Upstream's tests of the whole host (tests/it/main.rs), with real workers, by upstream's names. T is the time that a job may take. No
 * upper bound on a time is asserted, which a busy machine could exceed: that it was the job's CPU time that ended it is said by the
 * outcome, and it would be ended by wall-clock time after 4T.
 */
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { delay } from "@std/async/delay";
import { zstdCompressSync } from "node:zlib";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import { ExecutorParamsError } from "../../src/executor_params.ts";
import { ValidationHost } from "../../src/host.ts";
import { MetricsRegistry } from "../../src/metrics/metrics_registry.ts";
import type { HostOptions } from "../../src/options.ts";
import type { PrecheckOutcome } from "../../src/precheck_outcome.ts";
import { Pvf, type PvfOptions } from "../../src/pvf.ts";
import { CacheLockedError } from "../../src/registry/lock.ts";
import { CAPABILITIES } from "../../src/security.ts";
import { pvfCode } from "../testdata.ts";
import { outerTest } from "./bubblewrap.ts";
import { processesWith } from "./processes.ts";
import { script } from "./script_engine.ts";
import { ADDER, ADDER_GENESIS, burning, GOOD_BLOCK, HALT, validationParams } from "./test_pvfs.ts";
import { withHost, withScriptHost } from "./with_host.ts";

const T = 500;

/** The numbers of workers of upstream's own host for tests. */
const FIXTURE: Partial<HostOptions> = { softPrepareWorkers: 1, maxPrepareWorkers: 2, maxExecuteWorkers: 2 };

const halt = await Pvf.fromCode(HALT);
const adder = await Pvf.fromCode(ADDER);

function validate(host: ValidationHost, pvf: Pvf, params = GOOD_BLOCK.params): Promise<ExecuteOutcome> {
  return host.execute(pvf, { ...GOOD_BLOCK, params, timeoutMs: T });
}

function assertOutcome(outcome: ExecuteOutcome, kind: string, reason: string, message = ""): void {
  assert(outcome.kind !== "valid", JSON.stringify(outcome));
  assertEquals([outcome.kind, outcome.reason], [kind, reason], JSON.stringify(outcome));
  assertStringIncludes(outcome.message, message);
}

/** The outcome of a job that used up T. */
function assertHardTimeout(outcome: ExecuteOutcome): void {
  assertOutcome(outcome, "invalid", "hard-timeout", `of CPU time, at most ${T} ms allowed`);
}

function assertPrepared(outcome: PrecheckOutcome): void {
  assert(outcome.kind === "prepared", JSON.stringify(outcome));
}

function assertFailed(outcome: PrecheckOutcome, kind: string, message: string): void {
  assert(outcome.kind === "failed", JSON.stringify(outcome));
  assertEquals(outcome.error.kind, kind, outcome.error.message);
  assertStringIncludes(outcome.error.message, message);
}

/** What work takes in milliseconds. */
async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

/** How many artifacts and how many workers' directories are in the cache directory. Kiln keeps its lock and its program there too. */
function cacheEntries(cachePath: string): { artifacts: number; workers: number } {
  const names = Array.from(Deno.readDirSync(cachePath), ({ name }) => name);
  return {
    artifacts: names.filter((name) => name.endsWith(".pvf")).length,
    workers: names.filter((name) => name.startsWith("worker-dir-")).length,
  };
}

/** The file of a prepared artifact. */
function artifactPath(host: ValidationHost, pvf: Pvf): string {
  const state = host.artifacts.get(pvf.artifactId);
  assert(state?.state === "prepared", JSON.stringify(state));
  return state.path;
}

/** Waits until so many workers that have not served yet are ready. */
async function spareWorkers(host: ValidationHost, cachePath: string, count: number): Promise<number[]> {
  while (host.snapshot().executeWorkers.idle < count) await delay(5);
  return processesWith(`${cachePath}/worker-dir-execute-`);
}

/** Executes `halt` so many times at once, and checks that no worker is free while a job waits for one. */
async function executeAll(host: ValidationHost, pvfs: readonly Pvf[], maxExecuteWorkers: number): Promise<void> {
  let wasted = 0;
  const watch = setInterval(() => {
    const { busy, waiting } = host.snapshot().executeWorkers;
    if (waiting > 0 && busy < maxExecuteWorkers) wasted++;
  }, 5);
  try {
    for (const outcome of await Promise.all(pvfs.map((pvf) => validate(host, pvf)))) {
      // With more workers than processors, wall-clock time may be up first. It is the queue that is tested here.
      assert(outcome.kind !== "valid", JSON.stringify(outcome));
      assert(["hard-timeout", "wall-clock-timeout"].includes(outcome.reason), JSON.stringify(outcome));
    }
  } finally {
    clearInterval(watch);
  }
  assertEquals(wasted, 0, "a job waited though there was room for a worker");
}

/** A compressed blob of code or block data that has so many bytes. */
function compressed(length: number): Uint8Array {
  const magic = Uint8Array.fromHex("52bc537646db8e05");
  return Uint8Array.from([...magic, ...zstdCompressSync(new Uint8Array(length))]);
}

Deno.test("prepare_job_terminates_on_timeout: code that takes for ever to prepare is TimedOut by its CPU time", async () => {
  await withScriptHost({ ...FIXTURE, precheckTimeoutMs: T }, async (host) => {
    const endless = await Pvf.fromCode(script("{ prepare() { for (;;); } }"));
    const prechecking = host.precheck(endless);
    assertGreaterOrEqual(await elapsedMs(prechecking), T);
    assertFailed(await prechecking, "timed-out", `of CPU time, at most ${T} ms allowed`);
  });
});

Deno.test("prepare_job_terminates_on_timeout: so is a real runtime that takes longer than it may", async () => {
  await withHost({ ...FIXTURE, precheckTimeoutMs: 1 }, async (host) => {
    const outcome = await host.precheck(await Pvf.fromCode(await pvfCode()));
    assertFailed(outcome, "timed-out", "ms of ");
  });
});

Deno.test("execute_job_terminates_on_timeout: code that never ends is Invalid by its CPU time", async () => {
  await withHost(FIXTURE, async (host) => {
    const validating = validate(host, halt);
    assertGreaterOrEqual(await elapsedMs(validating), T);
    assertHardTimeout(await validating);
  });
});

Deno.test("ensure_parallel_execution: two jobs use up their CPU time side by side", async () => {
  await withHost({ ...FIXTURE, spareExecuteWorkers: 2 }, async (host, cachePath) => {
    assertPrepared(await host.precheck(halt));
    const workers = await spareWorkers(host, cachePath, 2);
    assertEquals(workers.length, 2);
    const validating = Promise.all([validate(host, halt), validate(host, halt)]);
    // If one only began when the other had ended, this would find a process gone.
    await burning(workers);
    (await validating).forEach(assertHardTimeout);
  });
});

Deno.test("execute_queue_doesnt_stall_if_workers_died: nine endless jobs on five workers, each of which dies of one, all end", async () => {
  await withHost({ ...FIXTURE, maxExecuteWorkers: 5 }, async (host) => {
    const jobs = Array.from({ length: 9 }, () => halt);
    assertGreaterOrEqual(await elapsedMs(executeAll(host, jobs, 5)), 2 * T, "there are two waves at least");
  });
});

Deno.test("execute_queue_doesnt_stall_with_varying_executor_params: nor do workers stay free for jobs with other parameters", async () => {
  await withHost(FIXTURE, async (host) => {
    const shallow = await Pvf.fromCode(HALT, { executorParams: { stackLogicalMax: 1024 } });
    const jobs = Array.from({ length: 6 }, (_, index) => index % 3 === 0 ? halt : shallow);
    assertGreaterOrEqual(await elapsedMs(executeAll(host, jobs, 2)), 3 * T, "there are three waves at least");
    assertEquals(host.artifacts.size, 2);
  });
});

Deno.test("deleting_prepared_artifact_does_not_dispute: it is prepared again, and then runs", async () => {
  await withHost(FIXTURE, async (host, cachePath) => {
    assertPrepared(await host.precheck(halt));
    assertEquals(cacheEntries(cachePath), { artifacts: 1, workers: 1 });
    const deleted = artifactPath(host, halt);
    await Deno.remove(deleted);
    assertHardTimeout(await validate(host, halt));
    assertNotEquals(artifactPath(host, halt), deleted);
  });
});

Deno.test("corrupted_prepared_artifact_does_not_dispute: it is PossiblyInvalid, deleted and prepared anew", async () => {
  await withHost(FIXTURE, async (host) => {
    assertPrepared(await host.precheck(halt));
    const corrupted = artifactPath(host, halt);
    await Deno.writeTextFile(corrupted, "junk", { create: false });
    assertOutcome(await validate(host, halt), "possibly-invalid", "corrupted-artifact", "checksum");
    await assertRejects(() => Deno.stat(corrupted), Deno.errors.NotFound);
    assertPrepared(await host.precheck(halt));
    assertHardTimeout(await validate(host, halt));
  });
});

Deno.test("corrupted_prepared_artifact_does_not_dispute: nor does one that passes for what was prepared and cannot be loaded", async () => {
  await withScriptHost(FIXTURE, async (host) => {
    const unloadable = await Pvf.fromCode(script(`{ load() { throw new Error("junk") }, run() {} }`));
    assertPrepared(await host.precheck(unloadable));
    const corrupted = artifactPath(host, unloadable);
    assertOutcome(await validate(host, unloadable), "possibly-invalid", "runtime-construction", "junk");
    await assertRejects(() => Deno.stat(corrupted), Deno.errors.NotFound);
    assertPrepared(await host.precheck(unloadable));
  });
});

Deno.test("cache_cleared_on_startup: a second host trusts nothing of the first's, and does not start beside it", async () => {
  await withHost(FIXTURE, async (host, cachePath) => {
    assertPrepared(await host.precheck(halt));
    assertEquals(cacheEntries(cachePath), { artifacts: 1, workers: 1 });
    await assertRejects(() => ValidationHost.start({ cachePath }), CacheLockedError);
    await host.close();
    assertEquals(cacheEntries(cachePath), { artifacts: 1, workers: 0 });
    await using second = await ValidationHost.start({ cachePath, spareExecuteWorkers: 0 });
    assertEquals(cacheEntries(cachePath), { artifacts: 0, workers: 0 });
    assertEquals(second.artifacts.size, 0);
  });
});

Deno.test("prechecking_within_memory_limits: the least limit that a relay chain may set is enough for a small PVF", async () => {
  await withHost(FIXTURE, async (host) => {
    const limitBytes = 256 * 2 ** 20;
    const pvf = await Pvf.fromCode(ADDER, { executorParams: { precheckingMaxMemoryBytes: limitBytes } });
    const outcome = await host.precheck(pvf);
    assert(outcome.kind === "prepared", JSON.stringify(outcome));
    assert(outcome.maxRssKib * 1024 < limitBytes, `${outcome.maxRssKib} KiB`);
  });
});

Deno.test("prechecking_out_of_memory: a preparation that fills its worker's heap is OutOfMemory, and no limit can be lower", async () => {
  await withScriptHost(FIXTURE, async (host) => {
    const greedy = "{ prepare() { const all = []; for (;;) all.push(new Array(1_000_000).fill({})); } }";
    assertFailed(await host.precheck(await Pvf.fromCode(script(greedy))), "out-of-memory", "out of memory");
  });
  const executorParams = { precheckingMaxMemoryBytes: 512 * 2 ** 10 };
  const error = await assertRejects(() => Pvf.fromCode(ADDER, { executorParams }), ExecutorParamsError);
  assertEquals([error.kind, error.params], ["OutsideLimit", ["precheckingMaxMemoryBytes"]]);
});

Deno.test("prepare_can_run_serially: one PVF is prepared after another, each in a process of its own", async () => {
  const metrics = new MetricsRegistry();
  await withHost({ ...FIXTURE, maxPrepareWorkers: 1, metrics }, async (host) => {
    assertPrepared(await host.precheck(adder));
    assertPrepared(await host.precheck(halt));
  });
  const spawned = metrics.snapshot().counters.find(({ name, labels }) =>
    name === "polkadot_pvf_worker_spawned" && labels.flavor === "prepare"
  );
  assertEquals(spawned?.value, 2);
});

/** Workers that are confined in every way that Kiln knows. */
const FULL_SECURITY = { secureMode: false, ...Object.fromEntries(CAPABILITIES.map((each) => [each, true])) };

outerTest("all_security_features_work: a worker of this machine is confined in every way", async () => {
  await withHost({ ...FIXTURE, sandbox: { outer: "bubblewrap" } }, async (host) => {
    const { status, problems } = await host.security();
    assertEquals([status as object, problems], [FULL_SECURITY, []]);
  });
});

Deno.test("nonexistent_cache_dir: the host makes the directory, and PVFs are prepared there", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    const cachePath = `${directory}/not/there/yet`;
    await using host = await ValidationHost.start({ ...FIXTURE, cachePath, spawnTimeoutMs: 20_000 });
    assertEquals((await host.security()).status.canConfineWrites, true);
    assertPrepared(await host.precheck(adder));
    assertEquals((await validate(host, adder)).kind, "valid");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** Prechecks `halt` by the defaults, then with other parameters; gives back how many artifacts there are then. */
async function precheckTwice(executorParams: PvfOptions["executorParams"] & object): Promise<number> {
  let artifacts = 0;
  await withHost(FIXTURE, async (host, cachePath) => {
    assertPrepared(await host.precheck(halt));
    const before = await Deno.stat(artifactPath(host, halt));
    assertPrepared(await host.precheck(await Pvf.fromCode(HALT, { executorParams })));
    const after = await Deno.stat(artifactPath(host, halt));
    assertEquals([after.ino, after.birthtime, after.mtime], [before.ino, before.birthtime, before.mtime]);
    const entries = cacheEntries(cachePath);
    artifacts = entries.artifacts;
  });
  return artifacts;
}

Deno.test("artifact_does_not_reprepare_on_non_meaningful_exec_parameter_change: it is the same file", async () => {
  assertEquals(await precheckTwice({ execTimeoutMs: { backing: 2_500 } }), 1);
  assertEquals(await precheckTwice({ stackNativeMax: 128 * 2 ** 20, prepTimeoutMs: { precheck: 50_000 } }), 1);
});

Deno.test("artifact_does_reprepare_on_meaningful_exec_parameter_change: there are two files", async () => {
  assertEquals(await precheckTwice({ stackLogicalMax: 1024 }), 2);
  assertEquals(await precheckTwice({ maxMemoryPages: 1024 }), 2);
  assertEquals(await precheckTwice({ wasmExtBulkMemory: true }), 2);
});

const CODE_BOMB_LIMIT = 30 * 2 ** 20;
const POV_BOMB_LIMIT = 20 * 2 ** 20;

Deno.test("invalid_compressed_code_fails_prechecking: code that inflates to a byte over the limit cannot be decompressed", async () => {
  await withHost(FIXTURE, async (host) => {
    const outcome = await host.precheck(await Pvf.fromCode(compressed(CODE_BOMB_LIMIT + 1)));
    assertFailed(outcome, "decompression", `more than the limit of ${CODE_BOMB_LIMIT} bytes`);
    const atLimit = await host.precheck(await Pvf.fromCode(compressed(CODE_BOMB_LIMIT)));
    assertFailed(atLimit, "prevalidation", "");
  });
});

Deno.test("invalid_compressed_code_fails_validation: which is the preparation's failure, and no vote against a block", async () => {
  await withHost(FIXTURE, async (host) => {
    const outcome = await validate(host, await Pvf.fromCode(compressed(CODE_BOMB_LIMIT + 1)));
    assertOutcome(outcome, "preparation", "decompression", `more than the limit of ${CODE_BOMB_LIMIT} bytes`);
  });
});

Deno.test("invalid_compressed_pov_fails_validation: block data that inflates to a byte over the limit is Invalid", async () => {
  await withHost(FIXTURE, async (host) => {
    const params = validationParams(ADDER_GENESIS, compressed(POV_BOMB_LIMIT + 1));
    const outcome = await validate(host, halt, params);
    assertOutcome(outcome, "invalid", "pov-decompression-failure", `more than the limit of ${POV_BOMB_LIMIT} bytes`);
    const atLimit = validationParams(ADDER_GENESIS, compressed(POV_BOMB_LIMIT));
    assertOutcome(await validate(host, adder, atLimit), "invalid", "worker-reported-invalid", "unreachable");
  });
});
