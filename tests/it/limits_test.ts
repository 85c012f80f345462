/**
 * Every limit of a job, broken by a real worker: by a preparation, an execution and, where it can be, the binding of an artifact. Each
 * has an outcome of its own, the worker is gone afterwards, and the next job is served.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import type { PrecheckOutcome } from "../../src/precheck_outcome.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { EXECUTE_RESPONSE } from "../../src/protocol/messages.ts";
import { Pvf } from "../../src/pvf.ts";
import type { WorkerLimits } from "../../src/worker_limits.ts";
import { processesWith } from "./processes.ts";
import { script } from "./script_engine.ts";
import { withScriptHost } from "./with_host.ts";

const MIB = 2 ** 20;

const LIMITS: WorkerLimits = {
  processMemoryBytes: 256 * MIB,
  outputBytes: 1_000,
  logBytes: 300,
  directoryFiles: 10,
  directoryBytes: MIB,
};

/** What the code's own memory adds to the limit of the process: 2,080 pages of 64 KiB. */
const CODE_MEMORY_BYTES = 2_080 * 65_536;

const SPIN = "for (;;);";

/** Takes memory that stays, page by page, faster than anybody looks. */
const EAT = "const eaten = []; for (;;) eaten.push(new Uint8Array(4 * 2 ** 20).fill(1));";

/** By name: the text of a function's body that breaks a limit, and what must come of it. */
interface Breach {
  readonly body: string;
  readonly prepare?: { kind: string; message: RegExp };
  readonly execute?: { kind: string; reason: string; message: RegExp };
}

const cpuTime = /took \d+ ms of CPU time, at most 400 ms allowed/;
const memory = new RegExp(
  `took \\d+ bytes of memory in the worker's process, at most ${
    LIMITS.processMemoryBytes + CODE_MEMORY_BYTES
  } bytes allowed`,
);
const directory =
  /more in the worker's directory than there may be: found \d+ entries with \d+ bytes so far, at most 10 with 1048576 allowed/;
const TOO_MUCH = { kind: "directory-limit", message: directory };

/** Executing cannot write anything, so only preparing can break a limit of the directory. */
const BREACHES: Record<string, Breach> = {
  "CPU time": {
    body: SPIN,
    prepare: { kind: "timed-out", message: cpuTime },
    execute: { kind: "invalid", reason: "hard-timeout", message: cpuTime },
  },
  "wall-clock time": {
    body: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
    prepare: { kind: "timed-out", message: /No answer within 1600 ms of wall-clock time/ },
    execute: { kind: "possibly-invalid", reason: "wall-clock-timeout", message: /No answer within 1600 ms/ },
  },
  "memory of the process": {
    body: EAT,
    prepare: { kind: "out-of-memory", message: memory },
    execute: { kind: "possibly-invalid", reason: "memory-limit", message: memory },
  },
  "entries in the directory, while it runs": {
    body: `for (let i = 0; i < 20; i++) Deno.mkdirSync("d".repeat(i + 1)); ${SPIN}`,
    prepare: TOO_MUCH,
  },
  "entries in the directory, at any depth": {
    body: `Deno.mkdirSync("a/b/c/d/e/f/g/h/i/j", { recursive: true }); Deno.writeTextFileSync("a/b/c/x", ""); ${SPIN}`,
    prepare: TOO_MUCH,
  },
  "bytes in the directory, while it runs": {
    body: `Deno.writeFileSync("big", new Uint8Array(2 ** 20 + 1)); ${SPIN}`,
    prepare: TOO_MUCH,
  },
  "entries in the directory, at its end": {
    body: `Deno.mkdirSync("a/b/c/d/e/f/g/h/i/j/k", { recursive: true });`,
    prepare: TOO_MUCH,
  },
  "bytes in the directory, at its end": {
    body: `Deno.mkdirSync("deep"); Deno.writeFileSync("deep/big", new Uint8Array(2 ** 20 + 1));`,
    prepare: TOO_MUCH,
  },
  "bytes of a file that has a hole": {
    body: `Deno.openSync("sparse", { write: true, create: true }).truncateSync(2 ** 40);`,
    prepare: TOO_MUCH,
  },
  "frames": {
    body: `Deno.stdout.writeSync(new Uint8Array(64).fill(255)); ${SPIN}`,
    prepare: { kind: "malformed-answer", message: /tag 255, 4 wanted/ },
    execute: { kind: "possibly-invalid", reason: "malformed-answer", message: /tag 255, 8 wanted/ },
  },
};

interface Outcomes {
  readonly prechecked: PrecheckOutcome;
  readonly executed: ExecuteOutcome | undefined;
}

/** Prechecks a script and, unless that fails, executes it; then sees to it that the host goes on. */
async function outcomesOf(code: string, timeoutMs = 20_000): Promise<Outcomes> {
  let outcomes: Outcomes | undefined;
  await withScriptHost(
    { limits: LIMITS, precheckTimeoutMs: timeoutMs, maxExecuteWorkers: 1 },
    async (host, cachePath) => {
      const pvf = await Pvf.fromCode(script(code));
      const params = new Uint8Array();
      const prechecked = await host.precheck(pvf);
      const executed = prechecked.kind === "prepared" ? await host.execute(pvf, { params, timeoutMs }) : undefined;
      outcomes = { prechecked, executed };
      // A worker that itself tells of too long a result has done nothing wrong.
      const isHealthy = executed?.kind === "valid" ||
        executed?.kind === "invalid" && executed.reason === "output-limit";
      if (!isHealthy) assertEquals(processesWith(cachePath), []);
      const good = await Pvf.fromCode(script(`{ run: () => "fine" }`));
      const next = await host.execute(good, { params, timeoutMs: 20_000 });
      assertEquals(next.kind, "valid", JSON.stringify(next));
    },
  );
  assert(outcomes);
  return outcomes;
}

for (const [name, { body, prepare, execute }] of Object.entries(BREACHES)) {
  // What is quick must not run into this limit as well.
  const timeoutMs = name.endsWith("time") ? 400 : 20_000;

  if (prepare) {
    Deno.test(`a preparation that breaks its limit of ${name} fails as ${prepare.kind}`, async () => {
      const { prechecked } = await outcomesOf(`{ prepare() { ${body} } }`, timeoutMs);
      assert(prechecked.kind === "failed", JSON.stringify(prechecked));
      assertEquals(prechecked.error.kind, prepare.kind, prechecked.error.message);
      assertMatch(prechecked.error.message, prepare.message);
    });
  }

  if (execute) {
    Deno.test(`an execution that breaks its limit of ${name} is ${execute.kind} for ${execute.reason}`, async () => {
      const { executed } = await outcomesOf(`{ run() { ${body} return ""; } }`, timeoutMs);
      assert(executed && executed.kind !== "valid", JSON.stringify(executed));
      assertEquals([executed.kind, executed.reason], [execute.kind, execute.reason], executed.message);
      assertMatch(executed.message, execute.message);
    });
  }
}

Deno.test("binding an artifact that breaks the limit of memory of the process is possibly-invalid for memory-limit", async () => {
  const { executed } = await outcomesOf(`{ load() { ${EAT} }, run: () => "" }`);
  assert(executed?.kind === "possibly-invalid", JSON.stringify(executed));
  assertEquals(executed.reason, "memory-limit", executed.message);
  assertMatch(executed.message, memory);
});

Deno.test("an execution that gives back more than it may is invalid for output-limit, and as much as it may is valid", async () => {
  const most = await outcomesOf(`{ run: () => new Uint8Array(1_000) }`);
  assertEquals(most.executed?.kind, "valid", JSON.stringify(most));
  const { executed } = await outcomesOf(`{ run: () => new Uint8Array(1_001) }`);
  assert(executed?.kind === "invalid", JSON.stringify(executed));
  assertEquals(executed.reason, "output-limit");
  assertMatch(executed.message, /The result has 1001 bytes, at most 1000 allowed/);
});

Deno.test("a worker that tells a longer log than it may is not believed", async () => {
  const log = Array(10).fill({ level: 3, target: "t", message: "x".repeat(100) });
  const response = {
    cpuTimeUs: 0,
    log,
    logDropped: 0,
    result: { kind: "failed", error: "trap", message: "" },
  } as const;
  const frame = encodeFrame(EXECUTE_RESPONSE, { ...response, requestId: 0 });
  const { executed } = await outcomesOf(`{
    run() {
      const write = Deno.stdout.writeSync.bind(Deno.stdout);
      Deno.stdout.writeSync = (honest) => {
        const frame = new Uint8Array([${frame}]);
        frame.set(honest.subarray(5, 9), 5);
        for (let rest = frame; rest.length > 0;) rest = rest.subarray(write(rest));
        return honest.length;
      };
      return "";
    }
  }`);
  assert(executed?.kind === "possibly-invalid", JSON.stringify(executed));
  assertEquals(executed.reason, "malformed-answer");
  assertMatch(executed.message, /The log has 1010 bytes, at most 300 wanted/);
});

Deno.test("of a log that is longer than it may be, the end is kept and the rest is counted", async () => {
  const { executed } = await outcomesOf(`{
    run({ log }) { for (let i = 0; i < 50; i++) log.add(3, "t", "entry " + i); return ""; }
  }`);
  assert(executed?.kind === "valid", JSON.stringify(executed));
  assertEquals(executed.log.at(-1)?.message, "entry 49");
  assertEquals(executed.log.length + executed.logDropped, 50);
  const text = executed.log.map(({ target, message }) => target + message).join("");
  assert(text.length <= LIMITS.logBytes && text.length > 0, `${text.length} bytes`);
});
