/**
 * The watchdog of real worker processes: what it ends and what it leaves alone. Scripts stand in for a job's code: WebAssembly can do
 * less. What becomes of workers whose host is killed is in `orphans_test.ts`.
 */
import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import type { HostOptions } from "../../src/options.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { LAST_WORDS } from "../../src/protocol/messages.ts";
import { Pvf } from "../../src/pvf.ts";
import { runPrepareJob } from "../../src/worker_process/prepare_job.ts";
import { Lab, NEVER, prepareJob } from "./lab.ts";
import { BEGIN, begunDirectory } from "./begun.ts";
import { processesWith } from "./processes.ts";
import { script, SCRIPT_ENGINE, SPIN, UNWATCHED_ENGINE } from "./script_engine.ts";
import { withScriptHost } from "./with_host.ts";

const NO_PARAMS = new Uint8Array();

const SLEEP = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);";

/** What a script does to use up this much CPU time, however busy the machine is. */
function burn(ms: number): string {
  return `
    const usedMs = () => { const { user, system } = Deno.cpuUsage(); return (user + system) / 1000; };
    const start = usedMs();
    while (usedMs() < start + ${ms});`;
}

/** Executes one script on a host of its own. */
async function execute(
  code: string,
  timeoutMs: number,
  options: Partial<HostOptions> = {},
  meanwhile?: (cachePath: string) => Promise<void>,
): Promise<ExecuteOutcome> {
  let outcome: ExecuteOutcome | undefined;
  await withScriptHost({ maxExecuteWorkers: 1, ...options }, async (host, cachePath) => {
    const executing = host.execute(await Pvf.fromCode(script(code)), { params: NO_PARAMS, timeoutMs });
    await meanwhile?.(cachePath);
    outcome = await executing;
  });
  assert(outcome);
  return outcome;
}

function assertBad(outcome: ExecuteOutcome, kind: string, reason: string, message: string): void {
  assert(outcome.kind !== "valid");
  assertEquals([outcome.kind, outcome.reason], [kind, reason], JSON.stringify(outcome));
  assertStringIncludes(outcome.message, message);
}

/** The CPU time that a message says was used, of this much allowed. */
function usedMs(message: string, allowedMs: number): number {
  const [, used, allowed] = message.match(/took ([\d.]+) ms of CPU time, at most (\d+) ms allowed/) ?? [];
  assertEquals(allowed, String(allowedMs), message);
  return Number(used);
}

for (const [language, spin] of Object.entries(SPIN)) {
  Deno.test(`an execution that burns its CPU time in ${language} for ever is Invalid soon after its limit`, async () => {
    const outcome = await execute(`{ run() { ${spin} } }`, 500);
    assertBad(outcome, "invalid", "hard-timeout", "CPU time");
    assert(outcome.kind !== "valid");
    const used = usedMs(outcome.message, 500);
    assertGreater(used, 550, "the slack is granted");
    assertLess(used, 1_000);
  });

  Deno.test(`a preparation that burns its CPU time in ${language} for ever is TimedOut soon after its limit`, async () => {
    await using lab = await Lab.open();
    const job = prepareJob(`{ prepare() { ${spin} } }`, 500);
    const outcome = await runPrepareJob(await lab.spawn("prepare-worker"), job, lab.registry, NEVER);
    assert(outcome.kind === "timed-out", JSON.stringify(outcome));
    assertLess(usedMs(outcome.message, 500), 1_000);
    assertEquals(processesWith(lab.cachePath), []);
    assertEquals(lab.workerDirectories(), []);
  });
}

Deno.test("a job that is stopped while it spins is PossiblyInvalid: it has used no CPU time since", async () => {
  const outcome = await execute(`{ run() { ${BEGIN} ${SPIN.WebAssembly} } }`, 1_000, {}, async (cachePath) => {
    const directory = await begunDirectory(cachePath);
    const [pid] = processesWith(directory);
    assert(pid !== undefined);
    Deno.kill(pid, "SIGSTOP");
  });
  assertBad(outcome, "possibly-invalid", "wall-clock-timeout", "4000 ms");
});

Deno.test("a job that sleeps for ever is PossiblyInvalid", async () => {
  assertBad(await execute(`{ run() { ${SLEEP} } }`, 150), "possibly-invalid", "wall-clock-timeout", "600 ms");
});

Deno.test("a job that sleeps for longer than its CPU time limit is left alone", async () => {
  const sleep = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);`;
  const outcome = await execute(`{ run() { ${sleep} return ""; } }`, 200);
  assertEquals(outcome.kind, "valid", JSON.stringify(outcome));
});

Deno.test("each job of a worker has the whole CPU time for itself, and time between jobs is nobody's", async () => {
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    const pvf = await Pvf.fromCode(script(`{ run() { ${burn(150)} return String(Deno.pid); } }`));
    const pids = new Set<string>();
    for (let job = 0; job < 5; job++) {
      const outcome = await host.execute(pvf, { params: NO_PARAMS, timeoutMs: 400 });
      assert(outcome.kind === "valid", JSON.stringify(outcome));
      pids.add(new TextDecoder().decode(outcome.result));
    }
    assertEquals(pids.size, 1);
  });
});

Deno.test("a job that ends as its time does is told by its answer or by last words, and never by a bit of both", async () => {
  const limitMs = 300;
  await withScriptHost({ maxExecuteWorkers: 1 }, async (host) => {
    // The watchdog grants 50 ms more and looks every 20 ms.
    for (let ms = limitMs + 35; ms <= limitMs + 85; ms += 5) {
      const code = `{ run() { ${burn(ms)} return new Uint8Array(16 * 2 ** 20); } }`;
      const outcome = await host.execute(await Pvf.fromCode(script(code)), { params: NO_PARAMS, timeoutMs: limitMs });
      assertBad(outcome, "invalid", "hard-timeout", "CPU time");
    }
  });
});

/** Shows a script what the watchdog and the main thread share, and lets the watchdog come late, which must not matter. */
const EXPOSED = `
const NativeWorker = globalThis.Worker;
const late = "text/javascript,Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);";
globalThis.Worker = class extends NativeWorker {
  constructor(url, options) {
    super(url.replace("text/javascript,", late), options);
  }
  postMessage(memory) {
    globalThis.watchdogWords = new Int32Array(memory, 0, 2);
    globalThis.watchdogFrame = new Uint8Array(memory, 24);
    super.postMessage(memory);
  }
};`;

Deno.test("a job runs when the watchdog is there, even the first one of a new worker", async () => {
  const code = `{ run() { return "watching " + watchdogWords[0] + ", job " + watchdogWords[1]; } }`;
  const outcome = await execute(code, 5_000, { engineSource: EXPOSED + SCRIPT_ENGINE });
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  // The first thing that was watched is the binding of the artifact.
  assertEquals(new TextDecoder().decode(outcome.result), "watching 1, job 2");
});

Deno.test("a job that ends after the watchdog has decided to end it gives no answer", async () => {
  // The script makes the decision in the watchdog's place, which then says nothing.
  const code = `{ run() { watchdogWords[1] = -1; return ""; } }`;
  const outcome = await execute(code, 200, { engineSource: EXPOSED + SCRIPT_ENGINE });
  assertBad(outcome, "possibly-invalid", "wall-clock-timeout", "800 ms");
});

Deno.test("a worker without its watchdog is ended by the host, by wall-clock time", async () => {
  const outcome = await execute(`{ run() { ${SPIN.JavaScript} } }`, 200, { engineSource: UNWATCHED_ENGINE });
  assertBad(outcome, "possibly-invalid", "wall-clock-timeout", "800 ms");
});

Deno.test("a worker whose watchdog does not start runs no job", async () => {
  const broken = `globalThis.Worker = class { constructor() { throw new Error("no threads today"); } };`;
  const outcome = await execute(`{ run: () => "" }`, 5_000, { engineSource: broken + SCRIPT_ENGINE });
  assert(outcome.kind !== "valid" && outcome.kind !== "invalid", JSON.stringify(outcome));
  assertStringIncludes(outcome.message, "no threads today");
});

/** The bytes of last words, as a script would write them. */
function forged(requestId: number, cpuTimeMs: number): string {
  const frame = encodeFrame(LAST_WORDS, { requestId, limit: "cpuTimeMs", used: cpuTimeMs });
  return `Deno.stdout.writeSync(new Uint8Array([${frame}]));`;
}

Deno.test("last words that are not for the job are PossiblyInvalid", async () => {
  const outcome = await execute(`{ run() { ${forged(77, 30_000)} ${SLEEP} } }`, 20_000);
  assertBad(outcome, "possibly-invalid", "malformed-answer", "request 77");
});

Deno.test("last words that tell of less CPU time than a job may use are PossiblyInvalid", async () => {
  const code = `{ run() { Deno.stdout.writeSync(watchdogFrame.slice()); ${SLEEP} } }`;
  const outcome = await execute(code, 20_000, { engineSource: EXPOSED + SCRIPT_ENGINE });
  assertBad(outcome, "possibly-invalid", "malformed-answer", "for its cpuTimeMs: 0 used, 20000 allowed");
});

Deno.test("last words where an artifact is bound are refused unless they are for that", async () => {
  const outcome = await execute(`{ load() { ${forged(0, 30_000)} ${SLEEP} }, run() {} }`, 20_000);
  assertBad(outcome, "possibly-invalid", "malformed-answer", "request 0");
});

Deno.test("a worker that is idle ends soon after its input does", async () => {
  await using lab = await Lab.open();
  for (const kind of ["prepare-worker", "execute-worker"] as const) {
    const worker = (await lab.spawn(kind)).take();
    const start = performance.now();
    await worker.endInput();
    assertEquals((await worker.exited).code, 0);
    assertLess(performance.now() - start, 1_000);
    await worker.retire();
  }
});

/** What a thread does that a job has left behind. */
const LEFT: Record<string, string> = {
  "burns CPU time": "for (;;);",
  "takes memory": "const eaten = []; for (;;) eaten.push(new Uint8Array(4 * 2 ** 20).fill(1));",
};

for (const [what, statements] of Object.entries(LEFT)) {
  Deno.test(`a worker is ended whose job is over and has left a thread that ${what}`, async () => {
    await withScriptHost({ maxExecuteWorkers: 1, limits: { processMemoryBytes: 256 * 2 ** 20 } }, async (host) => {
      const thread = `"data:text/javascript,${encodeURIComponent(statements)}"`;
      const code = `{ run() { new Worker(${thread}, { type: "module" }); return ""; } }`;
      const outcome = await host.execute(await Pvf.fromCode(script(code)), { params: NO_PARAMS, timeoutMs: 20_000 });
      // A thread that is quick may be noticed before the job is over.
      assert(outcome.kind === "valid" || outcome.kind === "possibly-invalid", JSON.stringify(outcome));
      while (host.snapshot().executeWorkers.idle > 0) await delay(20);
      const next = await host.execute(await Pvf.fromCode(script(`{ run: () => "" }`)), { params: NO_PARAMS });
      assertEquals(next.kind, "valid", JSON.stringify(next));
    });
  });
}
