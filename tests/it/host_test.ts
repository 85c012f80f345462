/** The host as its callers see it, with real workers. */
import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { HostClosedError, ValidationHost } from "../../src/host.ts";
import { MetricsRegistry } from "../../src/metrics/metrics_registry.ts";
import { Pvf } from "../../src/pvf.ts";
import type { ExecutionClass } from "../../src/queue/fairness.ts";
import { QueueFullError } from "../../src/queue/schedule.ts";
import { CacheLockedError } from "../../src/registry/lock.ts";
import { InsecureError } from "../../src/security.ts";
import { outerTest } from "./bubblewrap.ts";
import { processesWith } from "./processes.ts";
import { script, SCRIPT_ENGINE } from "./script_engine.ts";
import { hostDirectories, withHost, withScriptHost } from "./with_host.ts";

const NO_PARAMS = new Uint8Array();

/** A script that appends a byte to a result for every time that this very process was asked, so that reuse shows. */
const COUNTING = `{ run: () => String(globalThis.count = (globalThis.count ?? 0) + 1) }`;

function pvfOf(text: string): Promise<Pvf> {
  return Pvf.fromCode(script(text));
}

async function resultOf(host: ValidationHost, pvf: Pvf): Promise<string> {
  const outcome = await host.execute(pvf, { params: NO_PARAMS });
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  return new TextDecoder().decode(outcome.result);
}

Deno.test("equal preparations are one preparation, whoever waits", async () => {
  await withScriptHost({ maxPrepareWorkers: 4 }, async (host) => {
    const pvf = await pvfOf(`{ run: () => "fine" }`);
    const same = await pvfOf(new TextDecoder().decode(pvf.code));
    const calls = [
      host.precheck(pvf),
      host.precheck(same),
      host.execute(pvf, { params: NO_PARAMS }),
      host.precheck(pvf),
    ];
    await Promise.all(calls);
    assertEquals(host.artifacts.size, 1);
    const files = Array.from(Deno.readDirSync(host.artifacts.path)).filter((entry) => entry.name.endsWith(".pvf"));
    assertEquals(files.length, 1);
  });
});

Deno.test("other executor parameters are another artifact", async () => {
  await withScriptHost({}, async (host) => {
    const code = script("{ run() {} }");
    await host.precheck(await Pvf.fromCode(code));
    await host.precheck(await Pvf.fromCode(code, { executorParams: { maxMemoryPages: 100 } }));
    assertEquals(host.artifacts.size, 2);
  });
});

Deno.test("a prepared artifact answers a precheck at once and is not prepared again", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await pvfOf("{ run() {} }");
    const first = await host.precheck(pvf);
    const before = host.artifacts.get(pvf.artifactId);
    assertEquals(await host.precheck(pvf), first);
    const after = host.artifacts.get(pvf.artifactId);
    assert(before?.state === "prepared" && after?.state === "prepared");
    assertEquals(after.path, before.path);
  });
});

Deno.test("a prepared artifact whose file is gone is prepared again, and the caller sees only a delay", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await pvfOf(`{ run: () => "fine" }`);
    await host.precheck(pvf);
    const before = host.artifacts.get(pvf.artifactId);
    assert(before?.state === "prepared");
    await Deno.remove(before.path);
    assertEquals(await resultOf(host, pvf), "fine");
    const after = host.artifacts.get(pvf.artifactId);
    assert(after?.state === "prepared");
    assertNotEquals(after.path, before.path);
  });
});

Deno.test("a deterministic failure is remembered and never tried again", async () => {
  let now = 0;
  await withScriptHost({ now: () => now }, async (host) => {
    const pvf = await pvfOf(`{ prepare() { throw new PrepareFailure("prevalidation", "no good " + Math.random()) } }`);
    const first = await host.precheck(pvf);
    assert(first.kind === "failed");
    now += 1e9;
    assertEquals(await host.precheck(pvf), first);
    const executed = await host.execute(pvf, { params: NO_PARAMS });
    assertEquals(executed, { kind: "preparation", reason: "prevalidation", message: first.error.message, log: [] });
  });
});

Deno.test("another failure is tried again by executions, after the cooldown, five times, and never by prechecks", async () => {
  let now = 0;
  await withScriptHost({ now: () => now, prepareRetryCooldownMs: 1_000 }, async (host) => {
    const pvf = await pvfOf(`{ prepare() { throw new PrepareFailure("runtime-construction", "attempt") } }`);
    const failures = (): number => {
      const state = host.artifacts.get(pvf.artifactId);
      return state?.state === "failed" ? state.numFailures : -1;
    };
    const expectInternal = async (): Promise<void> => {
      const outcome = await host.execute(pvf, { params: NO_PARAMS });
      assert(outcome.kind === "internal");
      assertEquals([outcome.reason, outcome.message], ["preparation", "runtime-construction: attempt"]);
    };
    await expectInternal();
    assertEquals(failures(), 1);
    now += 999;
    await expectInternal();
    assertEquals(failures(), 1, "the cooldown is not over");
    now += 1_000_000;
    assertEquals((await host.precheck(pvf)).kind, "failed");
    assertEquals(failures(), 1, "a precheck never tries again");
    for (let attempt = 2; attempt <= 8; attempt++) {
      now += 1_000;
      await expectInternal();
      assertEquals(failures(), Math.min(attempt, 6), "one attempt and five retries");
    }
  });
});

Deno.test("a worker serves one artifact, again and again", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const one = await pvfOf(COUNTING);
    const other = await pvfOf(`${COUNTING} // other`.replace("//", "/*") + "*/");
    assertEquals([await resultOf(host, one), await resultOf(host, one)], ["1", "2"]);
    assertEquals(await resultOf(host, other), "1", "another artifact has another process");
    assertEquals(await resultOf(host, one), "1", "which took the place of the first");
  });
});

Deno.test("maxJobsPerWorker 1 gives every job a fresh process", async () => {
  await withScriptHost({ maxJobsPerWorker: 1 }, async (host) => {
    const pvf = await pvfOf(COUNTING);
    for (let job = 0; job < 3; job++) assertEquals(await resultOf(host, pvf), "1");
  });
});

Deno.test("no more workers than allowed run at a time, and all jobs are done", async () => {
  await withScriptHost({ maxExecuteWorkers: 2 }, async (host, cachePath) => {
    const pvfs = await Promise.all(
      [0, 1, 2].map((index) =>
        pvfOf(`{ run() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20); return "${index}" } }`)
      ),
    );
    let most = 0;
    const watch = setInterval(() => most = Math.max(most, processesWith(`${cachePath}/worker-dir-execute`).length), 5);
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, job) => resultOf(host, pvfs[job % 3] as Pvf)),
    );
    clearInterval(watch);
    assertEquals(results, Array.from({ length: 12 }, (_, job) => String(job % 3)));
    assert(most <= 2, `${most} workers at a time`);
  });
});

Deno.test("an idle worker that dies is replaced, and leaves no directory", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host, cachePath) => {
    const pvf = await pvfOf(COUNTING);
    assertEquals(await resultOf(host, pvf), "1");
    const directories = (): string[] =>
      hostDirectories(cachePath).filter((name) => name.startsWith("worker-dir-execute"));
    for (const pid of processesWith(`${cachePath}/worker-dir-execute`)) Deno.kill(pid, "SIGKILL");
    while (directories().length > 0) await delay(1);
    assertEquals(await resultOf(host, pvf), "1");
    assertEquals(directories().length, 1);
  });
});

Deno.test("an aborted waiter leaves the preparation to the others", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await pvfOf(
      `{ prepare() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200) }, run() {} }`,
    );
    const abort = new AbortController();
    const aborted = host.precheck(pvf, { signal: abort.signal });
    const waiting = host.precheck(pvf);
    abort.abort(new Error("enough"));
    await assertRejects(() => aborted, Error, "enough");
    assertEquals((await waiting).kind, "prepared");
    await assertRejects(() => host.precheck(pvf, { signal: abort.signal }), Error, "enough");
  });
});

Deno.test("an abort takes a waiting execution out of the queue", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const slow = await pvfOf(
      `{ run() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200); return "" } }`,
    );
    const counting = await pvfOf(COUNTING);
    await host.precheck(counting);
    await host.precheck(slow);
    const running = resultOf(host, slow);
    const abort = new AbortController();
    const waiting = host.execute(counting, { params: NO_PARAMS, signal: abort.signal });
    setTimeout(() => abort.abort(new Error("enough")), 20);
    await assertRejects(() => waiting, Error, "enough");
    await running;
    assertEquals(await resultOf(host, counting), "1", "the aborted one was never run");
  });
});

Deno.test("close() cuts short what is not finished", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const pvf = await pvfOf("{ run() { for (;;); } }");
    await host.precheck(pvf);
    const calls = [1, 2, 3].map(() => host.execute(pvf, { params: NO_PARAMS }));
    const preparing = host.precheck(await pvfOf("{ prepare() { for (;;); } }"));
    const settled = Promise.allSettled([...calls, preparing]);
    await host.close();
    for (const call of await settled) {
      assert(call.status === "rejected" && call.reason instanceof HostClosedError, JSON.stringify(call));
    }
    await assertRejects(() => host.precheck(pvf), HostClosedError);
    await assertRejects(() => host.execute(pvf, { params: NO_PARAMS }), HostClosedError);
    await host.close();
  });
});

Deno.test("close() with drain finishes what was asked for", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const pvf = await pvfOf(COUNTING);
    const calls = [1, 2, 3].map(() => resultOf(host, pvf));
    await host.close({ drain: true });
    assertEquals(await Promise.all(calls), ["1", "2", "3"]);
  });
});

Deno.test("close() with drain and a time limit cuts short what takes longer", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await pvfOf("{ run() { for (;;); } }");
    await host.precheck(pvf);
    const call = assertRejects(() => host.execute(pvf, { params: NO_PARAMS }), HostClosedError);
    await host.close({ drain: true, timeoutMs: 100 });
    await call;
  });
});

Deno.test("two hosts cannot share a directory, and the second is told who has it", async () => {
  await withScriptHost({}, async (_host, cachePath) => {
    const error = await assertRejects(() => ValidationHost.start({ cachePath }), CacheLockedError);
    assertStringIncludes(error.message, String(Deno.pid));
  });
});

Deno.test("start() deletes what a killed host left, and starts with nothing", async () => {
  await withScriptHost({}, async (host, cachePath) => {
    await host.precheck(await pvfOf("{ run() {} }"));
    await host.close();
    await Deno.mkdir(`${cachePath}/worker-dir-execute-left/deep`, { recursive: true });
    await Deno.mkdir(`${cachePath}/kiln-worker-program-${"0".repeat(32)}/worker`, { recursive: true });
    await Deno.writeTextFile(`${cachePath}/mine.txt`, "mine");
    await using second = await ValidationHost.start({ cachePath, engineSource: SCRIPT_ENGINE, spareExecuteWorkers: 0 });
    assertEquals(second.artifacts.size, 0);
    const left = Array.from(Deno.readDirSync(cachePath), (entry) => entry.name.replace(/-[0-9a-f]{32}$/, "")).sort();
    assertEquals(left, ["kiln-worker-program", "kiln.lock", "mine.txt"]);
  });
});

Deno.test("start() leaves no lock behind when it fails", async () => {
  await withScriptHost({}, async (host, cachePath) => {
    await host.close();
    await assertRejects(() => ValidationHost.start({ cachePath, engineSource: "not { a module" }), SyntaxError);
    await using _host = await ValidationHost.start({ cachePath });
  });
});

Deno.test("execute() refuses a timeout, a class and parameters that cannot be", async () => {
  await withHost({}, async (host) => {
    const pvf = await Pvf.fromCode(NO_PARAMS);
    for (const timeoutMs of [0, -1, 1.5, NaN, Infinity, 2 ** 31]) {
      await assertRejects(
        () => host.execute(pvf, { params: NO_PARAMS, timeoutMs }),
        RangeError,
        `timeoutMs ${timeoutMs}`,
      );
    }
    await assertRejects(
      () => host.execute(pvf, { params: NO_PARAMS, executionClass: "urgent" as ExecutionClass }),
      TypeError,
      'executionClass "urgent": one of dispute, approval',
    );
    const params = new Uint8Array(64 * 2 ** 20 + 1);
    await assertRejects(() => host.execute(pvf, { params }), RangeError, "67108865 bytes");
  });
});

Deno.test("start() that fails leaves nothing but the directory", async () => {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-test-" });
  await assertRejects(() => ValidationHost.start({ cachePath, engineSource: "not { a module" }), SyntaxError);
  assertEquals(Array.from(Deno.readDirSync(cachePath)), []);
  await Deno.remove(cachePath);
});

Deno.test("close() does not reject when the directory is gone, nor when nobody wants its warnings", async () => {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-test-" });
  const onWarning = (): void => {
    throw new Error("not wanted");
  };
  const host = await ValidationHost.start({ cachePath, engineSource: SCRIPT_ENGINE, onWarning });
  await resultOf(host, await pvfOf(COUNTING));
  await Deno.remove(cachePath, { recursive: true });
  await host.close();
  assertEquals(processesWith(cachePath), []);
});

Deno.test("a later close() without drain cuts short one that drains", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await pvfOf("{ run() { for (;;); } }");
    await host.precheck(pvf);
    const call = assertRejects(() => host.execute(pvf, { params: NO_PARAMS }), HostClosedError);
    const draining = host.close({ drain: true });
    await host.close();
    await Promise.all([draining, call]);
  });
});

Deno.test("what a caller does to its bytes after the call changes nothing", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await pvfOf("{ run: ({ params }) => params }");
    const params = Uint8Array.of(1, 2, 3);
    const executing = host.execute(pvf, { params });
    structuredClone(params.buffer, { transfer: [params.buffer] });
    const outcome = await executing;
    assert(outcome.kind === "valid");
    assertEquals(outcome.result, Uint8Array.of(1, 2, 3));
  });
});

Deno.test("prune() takes what nobody needed, and leaves what an execution waits for or runs", async () => {
  let now = 0;
  const pruned: number[] = [];
  await withScriptHost(
    { now: () => now, maxExecuteWorkers: 1, onPrune: (all) => pruned.push(all.length) },
    async (host) => {
      const slow = await pvfOf(
        `{ run() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100); return "" } }`,
      );
      const other = await pvfOf(COUNTING);
      const unused = await pvfOf("{ run() {} }");
      await Promise.all([slow, other, unused].map((pvf) => host.precheck(pvf)));
      const calls = [resultOf(host, slow), resultOf(host, other)];
      now = 1_000;
      assertEquals((await host.prune(999)).map(({ id }) => id), [unused.artifactId]);
      assertEquals(await Promise.all(calls), ["", "1"]);
      now = 10_000;
      assertEquals((await host.prune(999)).length, 2);
      assertEquals([pruned, host.artifacts.size], [[1, 2], 0]);
    },
  );
});

Deno.test("what is over the size that is allowed goes, least recently needed first", async () => {
  let now = 0;
  await withScriptHost({ now: () => now, maxCacheBytes: 200, minStaleMs: 0 }, async (host) => {
    const [first, second] = [await pvfOf("{ run: () => '1' }"), await pvfOf("{ run: () => '2' }")];
    await host.precheck(first);
    now = 1;
    await host.precheck(second);
    assertEquals((await host.prune(1_000)).map(({ id }) => id), [first.artifactId]);
  });
});

Deno.test("a host prunes by itself from time to time", async () => {
  let pruned = false;
  const onPrune = (): void => void (pruned = true);
  await withScriptHost({ pruneIntervalMs: 20, artifactTtlMs: 0, onPrune }, async (host) => {
    await host.precheck(await pvfOf("{ run() {} }"));
    // Pruning from time to time keeps no program alive, and no worker is there either.
    while (!pruned) await delay(5);
    assertEquals(host.artifacts.size, 0);
  });
});

Deno.test("headsUp() prepares what will be needed", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await pvfOf(COUNTING);
    host.headsUp([pvf, pvf]);
    assertEquals(host.artifacts.get(pvf.artifactId)?.state, "preparing");
    assertEquals(await resultOf(host, pvf), "1");
    host.headsUp([pvf]);
    assertEquals(host.artifacts.get(pvf.artifactId)?.state, "prepared");
  });
});

Deno.test("a spare worker is there before the first job, and another one after it", async () => {
  await withScriptHost({ spareExecuteWorkers: 1, maxExecuteWorkers: 2 }, async (host) => {
    while (host.snapshot().executeWorkers.idle < 1) await delay(5);
    assertEquals(await resultOf(host, await pvfOf(COUNTING)), "1");
    while (host.snapshot().executeWorkers.idle < 2) await delay(5);
    assertEquals(host.snapshot().artifacts.prepared, 1);
  });
});

Deno.test("a worker that nobody needs is retired", async () => {
  await withScriptHost({ idleWorkerTimeoutMs: 20 }, async (host, cachePath) => {
    await resultOf(host, await pvfOf(COUNTING));
    while (processesWith(`${cachePath}/worker-dir`).length > 0) await delay(5);
    assertEquals(await resultOf(host, await pvfOf(COUNTING)), "1");
  });
});

Deno.test("a backing job whose relay parent is gone ends in execution-deadline, wherever it waits", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const slow = await pvfOf(
      `{ run() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); return "slow" } }`,
    );
    const parked = await pvfOf(
      `{ prepare() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300) }, run: () => "" }`,
    );
    await host.precheck(slow);
    const backing = { params: NO_PARAMS, executionClass: "backing" } as const;
    host.updateActiveLeaves({ activated: { hash: "0x01", ancestors: ["0x00"] } });
    const running = host.execute(slow, { ...backing, relayParent: "0x00" });
    while (host.snapshot().executeWorkers.busy < 1) await delay(1);
    const queued = host.execute(slow, { ...backing, relayParent: "0x00" });
    const waiting = host.execute(parked, { ...backing, executionClass: "backing-system-paras", relayParent: "0x00" });
    const alive = host.execute(slow, { ...backing, relayParent: "0x01" });
    const dispute = host.execute(slow, { params: NO_PARAMS, executionClass: "dispute", relayParent: "0x00" });
    while (host.snapshot().waitingExecutions.backing < 2) await delay(1);
    host.updateActiveLeaves({ activated: { hash: "0x02", ancestors: ["0x01"] }, deactivated: ["0x01"] });
    assertEquals((await queued).kind, "execution-deadline");
    assertEquals((await waiting).kind, "execution-deadline");
    assertEquals((await Promise.all([running, alive, dispute])).map(({ kind }) => kind), ["valid", "valid", "valid"]);
  });
});

Deno.test("a call that finds the queue full is rejected, and says that it may be tried again", async () => {
  await withScriptHost({ maxExecuteWorkers: 1, maxQueuedExecutions: 1 }, async (host) => {
    const pvf = await pvfOf(
      `{ run() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100); return "" } }`,
    );
    await host.precheck(pvf);
    const first = resultOf(host, pvf);
    while (host.snapshot().executeWorkers.busy < 1) await delay(1);
    const second = resultOf(host, pvf);
    while (host.snapshot().executeWorkers.waiting < 1) await delay(1);
    const error = await assertRejects(() => host.execute(pvf, { params: NO_PARAMS }), QueueFullError);
    assertEquals([error.length, error.limit, error.retryable], [1, 1, true]);
    await Promise.all([first, second]);
  });
});

/** A script that takes some CPU time to prepare. */
const SLOW_TO_PREPARE = `{
  prepare() { burn(200); },
  run: () => "fine",
}`;

Deno.test("a precheck that runs out of time does not answer for an execution, which has more", async () => {
  await withScriptHost({ precheckTimeoutMs: 80 }, async (host) => {
    const pvf = await pvfOf(SLOW_TO_PREPARE);
    const prechecked = await host.precheck(pvf);
    assert(prechecked.kind === "failed" && prechecked.error.kind === "timed-out", JSON.stringify(prechecked));
    assertEquals(await resultOf(host, pvf), "fine");
  });
});

Deno.test("an execution that joins such a precheck gets a preparation of its own", async () => {
  await withScriptHost({ precheckTimeoutMs: 80 }, async (host) => {
    const pvf = await pvfOf(SLOW_TO_PREPARE);
    const [prechecked, executed] = await Promise.all([host.precheck(pvf), host.execute(pvf, { params: NO_PARAMS })]);
    assertEquals([prechecked.kind, executed.kind], ["failed", "valid"]);
  });
});

Deno.test("an artifact that took an execution's time does not pass a precheck", async () => {
  await withScriptHost({ precheckTimeoutMs: 80 }, async (host) => {
    const pvf = await pvfOf(SLOW_TO_PREPARE);
    assertEquals(await resultOf(host, pvf), "fine");
    const prechecked = await host.precheck(pvf);
    assert(prechecked.kind === "failed" && prechecked.error.kind === "timed-out", JSON.stringify(prechecked));
    assertEquals(await resultOf(host, pvf), "fine", "which does not keep anybody from executing it");
  });
});

Deno.test("a cache directory that turned into something else is this host's fault, and an outcome", async () => {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-test-" });
  const host = await ValidationHost.start({ cachePath, engineSource: SCRIPT_ENGINE });
  const pvf = await pvfOf(COUNTING);
  await host.precheck(pvf);
  await Deno.remove(cachePath, { recursive: true });
  await Deno.writeTextFile(cachePath, "");
  const outcome = await host.execute(pvf, { params: NO_PARAMS });
  assertEquals(outcome.kind, "internal", JSON.stringify(outcome));
  await Deno.remove(cachePath);
  await host.close();
});

Deno.test("close() cuts security() short, and what was asked for before is answered once", async () => {
  await withScriptHost({}, async (host) => {
    const [first, second] = await Promise.all([host.security(), host.security()]);
    assertEquals(first, second);
    assertEquals(first.problems.filter(({ message }) => !message.includes("sandbox.outer")), []);
  });
  await withScriptHost({}, async (host) => {
    const asked = assertRejects(() => host.security(), HostClosedError);
    await host.close();
    await asked;
  });
});

outerTest("a host in secure mode starts where all walls hold, and takes the outer one by itself", async () => {
  await withScriptHost({ secureMode: true }, async (host) => {
    const { secureMode, canIsolateSystem } = (await host.security()).status;
    assertEquals([secureMode, canIsolateSystem], [true, true]);
  });
});

Deno.test("a host in secure mode says what lacks where the walls do not hold", async () => {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-test-" });
  const start = (): Promise<ValidationHost> =>
    ValidationHost.start({ cachePath, secureMode: true, denoPath: "/bin/false" });
  await assertRejects(start, InsecureError, "canConfineReads");
  assertEquals(Array.from(Deno.readDirSync(cachePath)), []);
  await Deno.remove(cachePath);
});

Deno.test("a host counts what it does, by reason", async () => {
  const metrics = new MetricsRegistry();
  await withScriptHost({ metrics }, async (host) => {
    await resultOf(host, await pvfOf(COUNTING));
    await host.execute(await pvfOf(`{ run() { throw new ExecuteFailure("trap", "no") } }`), { params: NO_PARAMS });
    await host.precheck(await pvfOf(`{ prepare() { throw new PrepareFailure("prevalidation", "no") } }`));
  });
  const counted = metrics.snapshot().counters.map(({ name, labels, value }) =>
    [name, ...Object.values(labels), value].join(" ")
  );
  for (
    const line of [
      "polkadot_pvf_prepare_concluded prepared 2",
      "polkadot_pvf_prepare_concluded prevalidation 1",
      "polkadot_pvf_execute_finished valid 1",
      "polkadot_pvf_execute_finished invalid worker-reported-invalid 1",
      "kiln_execution_assigned approval 2",
      "polkadot_pvf_worker_retired prepare max-jobs 3",
    ]
  ) assert(counted.includes(line), `${line} in\n${counted.join("\n")}`);
  assertStringIncludes(metrics.toPrometheus(), "polkadot_pvf_execution_time_count 1");
});

Deno.test("a precheck holds code to the memory that the executor parameters allow", async () => {
  await withScriptHost({}, async (host) => {
    const code = script(`{ prepare() { globalThis.kept = new Uint8Array(300 * 2 ** 20).fill(1) }, run: () => "fine" }`);
    const pvf = await Pvf.fromCode(code, { executorParams: { precheckingMaxMemoryBytes: 256 * 2 ** 20 } });
    const prechecked = await host.precheck(pvf);
    assert(prechecked.kind === "failed" && prechecked.error.kind === "out-of-memory", JSON.stringify(prechecked));
    assertEquals((await host.precheck(await Pvf.fromCode(code))).kind, "prepared", "no limit, no failure");
    assertEquals(await resultOf(host, pvf), "fine");
  });
});
