/** Every outcome of an execution, each provoked by a real fault of a real worker process. */
import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import type { ValidationHost } from "../../src/host.ts";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import type { HostOptions } from "../../src/options.ts";
import { Pvf } from "../../src/pvf.ts";
import { runExecuteJob } from "../../src/worker_process/execute_job.ts";
import { BEGIN, begunDirectory } from "./begun.ts";
import { jobLimits, Lab, NEVER } from "./lab.ts";
import { processesWith } from "./processes.ts";
import { script, SCRIPT_ENGINE } from "./script_engine.ts";
import { withHost, withScriptHost } from "./with_host.ts";

const NO_PARAMS = new Uint8Array();

/** Executes one script on a host of its own, and checks that the host then does the next job. */
async function execute(
  code: string,
  timeoutMs = 20_000,
  meanwhile?: (cachePath: string) => Promise<void>,
  options: Partial<HostOptions> = {},
): Promise<ExecuteOutcome> {
  let outcome: ExecuteOutcome | undefined;
  await withScriptHost({ maxExecuteWorkers: 1, ...options }, async (host, cachePath) => {
    const pvf = await Pvf.fromCode(script(code));
    const executing = host.execute(pvf, { params: NO_PARAMS, timeoutMs });
    await meanwhile?.(cachePath);
    outcome = await executing;
    await assertServes(host);
  });
  assert(outcome);
  return outcome;
}

async function assertServes(host: ValidationHost): Promise<void> {
  const pvf = await Pvf.fromCode(script(`{ run: ({ params }) => params }`));
  const outcome = await host.execute(pvf, { params: script("ping") });
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  assertEquals(outcome.result, script("ping"));
}

function assertOutcome(outcome: ExecuteOutcome, kind: string, reason: string, message: string): void {
  assert(outcome.kind !== "valid");
  assertEquals([outcome.kind, outcome.reason], [kind, reason], JSON.stringify(outcome));
  assertStringIncludes(outcome.message, message);
}

const BEGIN_AND_WAIT = `${BEGIN} Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);`;

/** Does something to the worker once the job has begun. */
function onceBegun(action: (directory: string, pid: number) => unknown): (cachePath: string) => Promise<void> {
  return async (cachePath) => {
    const directory = await begunDirectory(cachePath);
    await action(directory, processesWith(directory)[0] ?? 0);
  };
}

Deno.test("a valid outcome has the result, what it took and the code's log", async () => {
  const outcome = await execute(`{
    run({ log }) {
      log.add(1, "one", "an error");
      log.add(3, "two", "some information");
      log.add(77, "three", "a level of its own");
      return "result";
    }
  }`);
  assert(outcome.kind === "valid");
  assertEquals(outcome.result, script("result"));
  assertEquals(outcome.peakMemoryPages, 1);
  assertGreater(outcome.cpuTimeMs, 0);
  assertGreater(outcome.wallTimeMs, 0);
  assertEquals(outcome.log, [
    { level: "error", target: "one", message: "an error" },
    { level: "info", target: "two", message: "some information" },
    { level: "trace", target: "three", message: "a level of its own" },
  ]);
});

Deno.test("a flood of log keeps its end, and the count of what is lost", async () => {
  const outcome = await execute(`{
    run({ log }) {
      for (let index = 0; index < 100_000; index++) log.add(4, "flood", "entry " + index);
      log.add(1, "big", "x".repeat(10_000_000));
      log.add(1, "lone surrogate", "\\ud800");
      return "";
    }
  }`);
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  assertEquals(outcome.log.length + outcome.logDropped, 100_002);
  assertEquals(outcome.log.at(-1)?.target, "lone surrogate");
  assertEquals(outcome.log.at(-2)?.message.length, 4096);
});

Deno.test("what the engine reports is blamed on whom it should be", async () => {
  const blamed = [
    ["trap", "invalid", "worker-reported-invalid"],
    ["pov-decompression", "invalid", "pov-decompression-failure"],
    ["resources", "possibly-invalid", "resources-exhausted"],
    ["unsupported", "internal", "unsupported"],
    ["runtime-construction", "possibly-invalid", "runtime-construction"],
  ] as const;
  for (const [failure, kind, reason] of blamed) {
    const outcome = await execute(`{ run() { throw new ExecuteFailure("${failure}", "said so") } }`);
    assertOutcome(outcome, kind, reason, "said so");
  }
  assertOutcome(await execute(`{ run() { throw new Error("a bug") } }`), "possibly-invalid", "job-error", "a bug");
});

Deno.test("parameters and results of many megabytes go through", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await Pvf.fromCode(script(`{ run: ({ params }) => params.slice(-(16 * 2 ** 20)) }`));
    const params = new Uint8Array(64 * 2 ** 20).fill(7);
    params[params.length - 1] = 9;
    const outcome = await host.execute(pvf, { params });
    assert(outcome.kind === "valid", JSON.stringify(outcome).slice(0, 200));
    assertEquals([outcome.result.length, outcome.result[0], outcome.result.at(-1)], [16 * 2 ** 20, 7, 9]);
  });
});

Deno.test("a result that is too long is the code's fault", async () => {
  const outcome = await execute("{ run: () => new Uint8Array(16 * 2 ** 20 + 1) }");
  assertOutcome(outcome, "invalid", "output-limit", "16777217 bytes, at most 16777216");
});

Deno.test("CPU time over the limit is Invalid", async () => {
  const burn = `{ run() { burn(1_200); return ""; } }`;
  assertOutcome(await execute(burn, 600), "invalid", "hard-timeout", "CPU time");
});

Deno.test("a wall-clock timeout alone is PossiblyInvalid", async () => {
  const sleep = `{ run() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); return ""; } }`;
  assertOutcome(await execute(sleep, 100), "possibly-invalid", "wall-clock-timeout", "400 ms");
});

Deno.test("a stopped worker is PossiblyInvalid", async () => {
  const stop = onceBegun((_directory, pid) => Deno.kill(pid, "SIGSTOP"));
  const outcome = await execute(`{ run() { ${BEGIN_AND_WAIT} return ""; } }`, 300, stop);
  assertOutcome(outcome, "possibly-invalid", "wall-clock-timeout", "1200 ms");
});

Deno.test("a killed worker is PossiblyInvalid, and the message has the signal", async () => {
  const kill = onceBegun((_directory, pid) => Deno.kill(pid, "SIGKILL"));
  const outcome = await execute(`{ run() { ${BEGIN_AND_WAIT} return ""; } }`, 20_000, kill);
  assertOutcome(outcome, "possibly-invalid", "ambiguous-job-death", "received signal: SIGKILL");
});

Deno.test("a worker that exits during the job is PossiblyInvalid", async () => {
  const outcome = await execute("{ run() { Deno.exit(0) } }");
  assertOutcome(outcome, "possibly-invalid", "ambiguous-job-death", "exited with status 0");
});

Deno.test("a worker whose heap is full is PossiblyInvalid", async () => {
  const outcome = await execute("{ run() { const all = []; for (;;) all.push(new Array(1000).fill({})); } }");
  assertOutcome(outcome, "possibly-invalid", "resources-exhausted", "out of memory");
});

Deno.test("a frame that makes no sense is PossiblyInvalid", async () => {
  const outcome = await execute(
    `{ run() { Deno.stdout.writeSync(new Uint8Array([255, 255, 255, 255, 8])); for (;;); } }`,
  );
  assertOutcome(outcome, "possibly-invalid", "malformed-answer", "4294967294 bytes announced");
});

Deno.test("an answer with more log than a job may have is PossiblyInvalid, and costs the host nothing", async () => {
  // Tag 8, request 0, CPU time 0, then five million empty entries.
  const outcome = await execute(`{
    run() {
      const body = new Uint8Array(4 + 1 + 4 + 8 + 4 + 3 * 5_000_000);
      const view = new DataView(body.buffer);
      view.setUint32(0, body.length - 4, true);
      body[4] = 8;
      view.setUint32(17, 5_000_000 * 4 + 2, true);
      for (let rest = body; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
      for (;;);
    }
  }`);
  assertOutcome(outcome, "possibly-invalid", "malformed-answer", "at most 1024 wanted");
});

Deno.test("an answer that was written ahead of its request is not taken for it", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const pvf = await Pvf.fromCode(script(`{
      run() {
        if (globalThis.ran) throw new ExecuteFailure("trap", "honest");
        globalThis.ran = true;
        // The frame of this job's answer comes first; behind it goes one for the next request, by a guess of its number.
        setTimeout(() => {
          const ahead = new Uint8Array([26, 0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
          Deno.stdout.writeSync(ahead);
        }, 0);
        return "first";
      }
    }`));
    await host.execute(pvf, { params: NO_PARAMS });
    const outcome = await host.execute(pvf, { params: NO_PARAMS });
    assert(outcome.kind !== "valid", "the forged answer was taken");
  });
});

Deno.test("an output flood ends the worker and not the host", async () => {
  const outcome = await execute(
    `{ run() { const flood = new Uint8Array(2 ** 20); for (;;) Deno.stdout.writeSync(flood); } }`,
  );
  assertOutcome(outcome, "possibly-invalid", "malformed-answer", "execute response");
});

Deno.test("a flood on standard error is drained and forgotten", async () => {
  const outcome = await execute(
    `{ run() { const line = new Uint8Array(2 ** 16); for (let i = 0; i < 100; i++) Deno.stderr.writeSync(line); return "ok"; } }`,
  );
  assertEquals(outcome.kind, "valid");
});

Deno.test("a directory that cannot be cleared is PossiblyInvalid", async () => {
  const remove = onceBegun((directory) => Deno.remove(directory, { recursive: true }));
  const removed = await execute(`{ run() { ${BEGIN_AND_WAIT} return ""; } }`, 20_000, remove);
  assertOutcome(removed, "possibly-invalid", "could-not-clear-worker-dir", "worker-dir-execute-");
});

/** Executes on one worker an artifact that is not what a host would give it. */
async function executeArtifact(path: string | undefined, engineSource = SCRIPT_ENGINE): Promise<ExecuteOutcome> {
  await using lab = await Lab.open({ engineSource });
  if (path === undefined) await Deno.writeTextFile(`${lab.cachePath}/artifact`, "junk");
  const hash = new Uint8Array(32);
  const artifact = { path: path ?? `${lab.cachePath}/artifact`, checksum: hash, codeHash: hash, prepHash: hash };
  const job = { artifact, params: NO_PARAMS, povBombLimitBytes: 1, limits: jobLimits(1_000) };
  const end = await runExecuteJob(await lab.spawn("execute-worker"), job, NEVER);
  assert(end.kind === "concluded" && end.worker === undefined, end.kind);
  assertEquals(processesWith(lab.cachePath), []);
  return end.outcome;
}

Deno.test("an artifact that cannot be copied is Internal", async () => {
  assertOutcome(await executeArtifact("/nonexistent/artifact"), "internal", "could-not-copy-artifact", "/nonexistent");
});

Deno.test("an artifact that the worker cannot read is Internal", async () => {
  const engine = `Deno.readFileSync = () => { throw new Error("no such file") };\n${SCRIPT_ENGINE}`;
  assertOutcome(await executeArtifact(undefined, engine), "internal", "could-not-open-file", "no such file");
});

Deno.test("an artifact that is not the prepared one is PossiblyInvalid", async () => {
  assertOutcome(await executeArtifact(undefined), "possibly-invalid", "corrupted-artifact", "checksum 0x");
});

Deno.test("an execution is Unreachable when the worker was killed before it got the request", async () => {
  await using lab = await Lab.open();
  const idle = await lab.spawn("execute-worker");
  Deno.kill(idle.pid, "SIGKILL");
  await idle.exited;
  await Deno.writeTextFile(`${lab.cachePath}/artifact`, "junk");
  const hash = new Uint8Array(32);
  const artifact = { path: `${lab.cachePath}/artifact`, checksum: hash, codeHash: hash, prepHash: hash };
  const end = await runExecuteJob(
    idle,
    { artifact, params: NO_PARAMS, povBombLimitBytes: 1, limits: jobLimits(1_000) },
    NEVER,
  );
  assertEquals(end.kind, "unreachable");
});

Deno.test("a file in the place of a worker's directory is deleted like the directory", async () => {
  const replace = onceBegun(async (directory) => {
    await Deno.remove(directory, { recursive: true });
    await Deno.writeTextFile(directory, "left");
  });
  const outcome = await execute(`{ run() { ${BEGIN_AND_WAIT} return ""; } }`, 20_000, replace);
  assertOutcome(outcome, "possibly-invalid", "could-not-clear-worker-dir", "");
});

Deno.test("an execution can read its directory, in which there is nothing, and write nothing", async () => {
  const outcome = await execute(`{
    run() {
      try { Deno.writeTextFileSync("file", ""); } catch (error) { return [...Deno.readDirSync(".")].length + error.name; }
    }
  }`);
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  assertEquals(outcome.result, script("0NotCapable"));
});

Deno.test("code that cannot be loaded is PossiblyInvalid, and its artifact is removed", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await Pvf.fromCode(script(`{ load() { throw new Error("does not load") }, run() {} }`));
    await host.precheck(pvf);
    const outcome = await host.execute(pvf, { params: NO_PARAMS });
    assertOutcome(outcome, "possibly-invalid", "runtime-construction", "does not load");
    assertEquals(host.artifacts.get(pvf.artifactId), undefined);
  });
});

Deno.test("a corrupted artifact is PossiblyInvalid, is removed, and is prepared anew", async () => {
  await withScriptHost({}, async (host) => {
    const pvf = await Pvf.fromCode(script(`{ run: () => "fine" }`));
    await host.precheck(pvf);
    const prepared = host.artifacts.get(pvf.artifactId);
    assert(prepared?.state === "prepared");
    const file = await Deno.readFile(prepared.path);
    await Deno.writeFile(prepared.path, file.map((byte, index) => index === 100 ? byte ^ 1 : byte));
    const outcome = await host.execute(pvf, { params: NO_PARAMS });
    assertOutcome(outcome, "possibly-invalid", "corrupted-artifact", "checksum");
    await assertRejects(() => Deno.stat(prepared.path), Deno.errors.NotFound);
    assertEquals((await host.execute(pvf, { params: NO_PARAMS })).kind, "valid");
  });
});

Deno.test("a worker that cannot be started is Internal", async () => {
  await withHost({ denoPath: "/nonexistent/deno" }, async (host) => {
    const pvf = await Pvf.fromCode(NO_PARAMS);
    const outcome = await host.execute(pvf, { params: NO_PARAMS });
    assertOutcome(outcome, "internal", "preparation", "spawn: Cannot start a worker");
  });
});

Deno.test("an aborted execution rejects with the signal's reason, and its worker is gone", async () => {
  await withScriptHost({}, async (host, cachePath) => {
    const pvf = await Pvf.fromCode(script(`{ run() { ${BEGIN} for (;;); } }`));
    const abort = new AbortController();
    const executing = host.execute(pvf, { params: NO_PARAMS, signal: abort.signal });
    await begunDirectory(cachePath);
    abort.abort(new Error("not wanted any more"));
    await assertRejects(() => executing, Error, "not wanted any more");
    await assertServes(host);
  });
});
