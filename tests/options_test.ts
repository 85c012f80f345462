import { assertEquals, assertThrows } from "@std/assert";
import type { WorkerLimits } from "../src/worker_limits.ts";
import { type HostOptions, resolveHostOptions } from "../src/options.ts";

Deno.test("resolveHostOptions() fills in the defaults, also for options that are given as undefined", () => {
  const options = { cachePath: "cache", maxExecuteWorkers: undefined, precheckTimeoutMs: 5 } as unknown as HostOptions;
  const resolved = resolveHostOptions(options);
  assertEquals([resolved.maxPrepareWorkers, resolved.maxExecuteWorkers, resolved.precheckTimeoutMs], [2, 2, 5]);
  assertEquals(resolved.denoPath, Deno.execPath());
});

Deno.test("resolveHostOptions() keeps what a caller throws away from whoever tells the caller", () => {
  const told: unknown[] = [];
  const tell = (...args: unknown[]): never => {
    told.push(args);
    throw new Error("a caller's mistake");
  };
  const options = { cachePath: "cache", onWarning: tell, onPrune: tell, metrics: { count: tell, observe: tell } };
  const { onWarning, onPrune, metrics } = resolveHostOptions(options);
  onWarning("a warning", undefined);
  onPrune([]);
  metrics.count("polkadot_pvf_prepare_enqueued");
  metrics.observe("polkadot_pvf_preparation_time", 1, {});
  assertEquals(told, [
    ["a warning", undefined],
    [[]],
    ["polkadot_pvf_prepare_enqueued"],
    ["polkadot_pvf_preparation_time", 1, {}],
  ]);
});

Deno.test("resolveHostOptions() names the option that cannot be used, and its value", () => {
  const wrong: Partial<HostOptions>[] = [
    { maxPrepareWorkers: 0 },
    { softPrepareWorkers: 3 },
    { spareExecuteWorkers: 3 },
    { spawnAttempts: 0 },
    { spawnRetryDelayMs: 0 },
    { idleWorkerTimeoutMs: 0 },
    { maxQueuedExecutions: 0 },
    { affinityLimitMs: -1 },
    { pruneIntervalMs: 0 },
    { artifactTtlMs: -1 },
    { maxCacheBytes: NaN },
    { minStaleMs: -1 },
    { backingTimeoutMs: 0 },
    { maxExecuteWorkers: 1.5 },
    { maxJobsPerWorker: 0 },
    { spawnTimeoutMs: NaN },
    { precheckTimeoutMs: -1 },
    { prepareTimeoutMs: 2 ** 31 },
    { executeTimeoutMs: Infinity },
    { codeBombLimitBytes: 2 ** 32 },
    { povBombLimitBytes: 0 },
    { maxPrepareRetries: -1 },
    { prepareRetryCooldownMs: -1 },
  ];
  for (const option of wrong) {
    const [[name, value]] = Object.entries(option) as [[string, number]];
    assertThrows(() => resolveHostOptions({ cachePath: "cache", ...option }), RangeError, `${name} ${value}`);
  }
  const wrongLimits: Partial<WorkerLimits>[] = [
    { processMemoryBytes: 1_000 },
    { outputBytes: 0 },
    { outputBytes: 2 ** 24 + 1 },
    { logBytes: -1 },
    { logBytes: 2 ** 16 + 1 },
    { directoryFiles: 1.5 },
    { directoryBytes: Infinity },
  ];
  for (const limits of wrongLimits) {
    const [[name, value]] = Object.entries(limits) as [[string, number]];
    assertThrows(() => resolveHostOptions({ cachePath: "cache", limits }), RangeError, `limits.${name} ${value}`);
  }
  const misspelt: [Record<string, unknown>, string][] = [
    [{ backingTurn: "Alternating" }, 'backingTurn "Alternating": "system-first" or "alternating" wanted'],
    [{ secureMode: "yes" }, 'secureMode "yes": true or false wanted'],
    [{ onWarning: null }, "onWarning null: a function wanted"],
    [{ onPrune: 1 }, "onPrune 1: a function wanted"],
    [{ now: 0 }, "now 0: a function wanted"],
    [{ limits: 7 }, "limits 7: an object wanted"],
    [{ limits: null }, "limits null: an object wanted"],
    [{ limits: { memory: 1 } }, "limits.memory: one of processMemoryBytes, outputBytes"],
    [{ sandbox: "bubblewrap" }, 'sandbox "bubblewrap": an object with the property outer wanted'],
    [{ sandbox: { outr: "bubblewrap" } }, "an object with the property outer wanted"],
    [
      { sandbox: { outer: "auto", path: "/bin/bwrap" } },
      "sandbox.path: one of outer, bubblewrapPath, prlimitPath wanted",
    ],
    [{ limits: { toString: 1 } }, "limits.toString: one of"],
    [{ sandbox: { outer: "jail" } }, 'sandbox.outer "jail": one of none, bubblewrap, auto wanted'],
    [{ metrics: {} }, "metrics: an object with the functions count and observe wanted"],
    [{ metrics: null }, "metrics: an object"],
  ];
  for (const [option, message] of misspelt) {
    assertThrows(() => resolveHostOptions({ cachePath: "cache", ...option }), TypeError, message);
  }
  assertThrows(() => resolveHostOptions({ cachePath: "" }), TypeError, "cachePath");
  assertThrows(() => resolveHostOptions({} as HostOptions), TypeError, "cachePath");
});
