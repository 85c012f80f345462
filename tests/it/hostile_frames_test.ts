/**
 * Workers whose job controls all JavaScript, and which say to the host whatever a pipe can carry, in every phase of their life. Each
 * time the host sees what it is, and does the next job.
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import type { ValidationHost } from "../../src/host.ts";
import type { HostOptions } from "../../src/options.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { LAST_WORDS } from "../../src/protocol/messages.ts";
import { Pvf } from "../../src/pvf.ts";
import { SpawnError, spawnWorker } from "../../src/worker_process/spawn.ts";
import { WorkerProgram } from "../../src/worker_process/program.ts";
import {
  HOSTILE_ENGINE,
  LYING_AT_THE_START,
  LYING_WHEN_RUN,
  lyingWhenBound,
  lyingWhenPrepared,
} from "./hostile_worker.ts";
import { Lab, NEVER } from "./lab.ts";
import { type End, type Lie, liesAbout, MESSAGES, numbered } from "./lies.ts";
import { processesWith } from "./processes.ts";
import { script } from "./script_engine.ts";
import { withHost } from "./with_host.ts";

/** What each end is called by whoever waits for the job: the one place that has to change with the names. */
const CALLED: Record<keyof typeof MESSAGES, Record<End, string>> = {
  handshake: { malformed: "spawn malformed", died: "spawn died", late: "spawn late" },
  prepare: { malformed: "failed malformed-answer", died: "failed job-died", late: "failed timed-out" },
  bind: {
    malformed: "possibly-invalid malformed-answer",
    died: "possibly-invalid ambiguous-job-death",
    late: "possibly-invalid wall-clock-timeout",
  },
  execute: {
    malformed: "possibly-invalid malformed-answer",
    died: "possibly-invalid ambiguous-job-death",
    late: "possibly-invalid wall-clock-timeout",
  },
};

const LAST = encodeFrame(LAST_WORDS, { requestId: 0, limit: "cpuTimeMs", used: 30_000 });

/** How many lies are told at a time, besides those that take all the time there is. */
const LANES = 4;

/** The limit of a job that does not end by itself, which is four times as long by wall-clock time, and of every other. */
const SHORT_MS = 400;
const LONG_MS = 20_000;

/** All that have a meaning, their neighbours, and some others: a process for each of the 256 would show no more, and take longer. */
const TAGS: number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 64, 127, 128, 255];

/** Has every lie told, some at a time, and compares what came of each with what had to. */
async function assertSeenThrough(
  phase: keyof typeof MESSAGES,
  tell: (lie: Lie) => Promise<string>,
): Promise<void> {
  const lies = liesAbout(MESSAGES[phase], TAGS);
  const found: Record<string, string> = {};
  const tellAll = async (lies: Lie[]): Promise<void> => {
    for (let lie = lies.pop(); lie; lie = lies.pop()) found[lie.name] = await tell(lie);
  };
  const quick = lies.filter(({ end }) => end !== "late");
  const late = lies.filter(({ end }) => end === "late");
  await Promise.all([...Array.from({ length: LANES }, () => tellAll(quick)), ...late.map((lie) => tellAll([lie]))]);
  assertEquals(found, Object.fromEntries(lies.map(({ name, end }) => [name, CALLED[phase][end]])));
  assertEquals(Object.keys(found).length, lies.length, "each lie has a name of its own");
}

/** Room for all that lie at a time. */
const WORKERS = 2 * LANES + 4;
const MANY = { maxExecuteWorkers: WORKERS, maxPrepareWorkers: WORKERS, softPrepareWorkers: WORKERS };
const ONE = { maxExecuteWorkers: 1 };

/** A host whose scripts can lie. */
function withLiars(options: Partial<HostOptions>, test: (host: ValidationHost) => Promise<void>): Promise<void> {
  return withHost({ engineSource: HOSTILE_ENGINE, ...options }, (host) => test(host));
}

async function execute(host: ValidationHost, code: string, act = "", timeoutMs = LONG_MS): Promise<string> {
  const outcome = await host.execute(await Pvf.fromCode(script(code)), { params: script(act), timeoutMs });
  if (outcome.kind !== "valid") return `${outcome.kind} ${outcome.reason}`;
  return `valid ${new TextDecoder().decode(outcome.result)}`;
}

async function precheck(host: ValidationHost, code: string): Promise<string> {
  const outcome = await host.precheck(await Pvf.fromCode(script(code)));
  return outcome.kind === "failed" ? `failed ${outcome.error.kind}` : outcome.kind;
}

Deno.test("a worker that lies in its handshake is not used, and the next one is", async () => {
  await using lab = await Lab.open();
  const { mainPath } = await WorkerProgram.write(lab.registry.newPath("kiln-worker-program-"), LYING_AT_THE_START);
  await assertSeenThrough("handshake", async ({ act, end }) => {
    const spawnTimeoutMs = end === "late" ? 4 * SHORT_MS : LONG_MS;
    const environment = { ...lab.environment, mainPath, spawnTimeoutMs, cryptoWasm: script(act) };
    const error = await spawnWorker(environment, "execute-worker", 4096, NEVER).catch((error) => error);
    assert(error instanceof SpawnError, String(error));
    if (error.message.startsWith("Cannot start a worker: No answer within")) return "spawn late";
    return error.message.startsWith("Cannot start a worker: The worker process") ? "spawn died" : "spawn malformed";
  });
  assertEquals(processesWith(lab.cachePath), []);
  assertEquals(lab.workerDirectories(), []);
  await (await lab.spawn("execute-worker")).retire();
});

Deno.test("a worker that lies about a preparation fails it without a verdict, and the next one succeeds", async () => {
  let honest = 0;
  await withLiars(MANY, async (patient) => {
    await withLiars(
      { ...MANY, precheckTimeoutMs: SHORT_MS },
      (impatient) =>
        assertSeenThrough("prepare", async ({ act, end }) => {
          const host = end === "late" ? impatient : patient;
          const result = await precheck(host, lyingWhenPrepared(act));
          assertEquals(await precheck(host, `{ honest: ${honest++} }`), "prepared");
          return result;
        }),
    );
  });
});

Deno.test("a worker that lies about its artifact is PossiblyInvalid, and the next one executes", async () => {
  await withLiars(MANY, (host) =>
    assertSeenThrough("bind", async ({ act }) => {
      const result = await execute(host, lyingWhenBound(act));
      assertEquals(await execute(host, LYING_WHEN_RUN), "valid honest");
      return result;
    }));
});

Deno.test("a worker that lies about an execution is PossiblyInvalid, and the next one is honest", async () => {
  await withLiars(MANY, (host) =>
    assertSeenThrough("execute", async ({ act, end }) => {
      const result = await execute(host, LYING_WHEN_RUN, act, end === "late" ? SHORT_MS : LONG_MS);
      assertEquals(await execute(host, LYING_WHEN_RUN), "valid honest");
      return result;
    }));
});

/** What comes behind the honest answer, in the same write. */
const SURPLUS: Record<string, string> = {
  "a byte": "[0]",
  "half a header": "honest.subarray(0, 3)",
  "the same answer": "honest",
  "an answer to another request": "honest.with(5, honest[5] ^ 1)",
  "last words": numbered(LAST),
  "last words twice": `[...${numbered(LAST)}, ...${numbered(LAST)}]`,
  "a mebibyte": "new Uint8Array(2 ** 20)",
  "a thousand answers": "Array.from({ length: 1000 }, () => [...honest]).flat()",
};

Deno.test("a worker that goes on speaking behind an answer spoils neither that job nor the next", async () => {
  await withLiars(ONE, async (host) => {
    const found: Record<string, string[]> = {};
    for (const [what, surplus] of Object.entries(SURPLUS)) {
      const speak = `say(new Uint8Array([...honest, ...${surplus}])); return "go on";`;
      found[what] = [await execute(host, LYING_WHEN_RUN, speak), await execute(host, LYING_WHEN_RUN)];
    }
    const honest = ["valid honest", "valid honest"];
    assertEquals(found, Object.fromEntries(Object.keys(SURPLUS).map((what) => [what, honest])));
  });
});

Deno.test("a worker that a job's thread makes speak while it is idle is ended, and spoils no job", async () => {
  await withHost({ engineSource: HOSTILE_ENGINE, ...ONE }, async (host, cachePath) => {
    for (const bytes of ["new Uint8Array(1)", "new Uint8Array(30).fill(8)", "new Uint8Array(2 ** 20)"]) {
      const speak = `meanwhile("sleep(100); Deno.stdout.writeSync(${bytes}); sleep();");`;
      assertEquals(await execute(host, LYING_WHEN_RUN, `say(honest); ${speak} return "go on";`), "valid honest");
      while (processesWith(`${cachePath}/worker-dir-execute`).length > 0) await delay(5);
      assertEquals(await execute(host, LYING_WHEN_RUN), "valid honest");
    }
  });
});

/** What a job does to its process so that the next request is met by these statements, once its number is known. */
function meeting(statements: string): string {
  return `
    const read = Deno.stdin.readSync.bind(Deno.stdin);
    Deno.stdin.readSync = (bytes) => {
      const head = new Uint8Array(9);
      for (let at = 0; at < 9;) at += read(head.subarray(at));
      honest.set(head.subarray(5), 5);
      ${statements}
      sleep();
    };
    say(honest);
    return "go on";`;
}

/** Parameters that are more than a pipe holds, and an act of no harm. */
const LONG_PARAMS = `say(honest); return "go on";${" ".repeat(2 ** 22)}`;

/** What meets the request, and what becomes of it. One that was not taken can do no harm elsewhere. */
const UNREAD: Record<string, [act: string, outcome: string]> = {
  "silence": ["", CALLED.execute.late],
  "a flood": ["for (;;) say(new Uint8Array(2 ** 16).fill(255));", CALLED.execute.malformed],
  "an answer": ["say(honest);", CALLED.execute.late],
  "an answer and its end": ["say(honest); Deno.exit(0);", "valid honest"],
  "its end": ["Deno.exit(0);", "valid honest"],
};

for (const [what, [act, outcome]] of Object.entries(UNREAD)) {
  Deno.test(`a worker that meets a request with ${what}, without reading it, is not believed`, async () => {
    await withLiars(ONE, async (host) => {
      assertEquals(await execute(host, LYING_WHEN_RUN, meeting(act)), "valid honest");
      const timeoutMs = outcome === CALLED.execute.late ? SHORT_MS : LONG_MS;
      assertEquals(await execute(host, LYING_WHEN_RUN, LONG_PARAMS, timeoutMs), outcome);
      assertEquals(await execute(host, LYING_WHEN_RUN), "valid honest");
    });
  });
}

Deno.test("a gibibyte on standard error costs a job nothing but its time", async () => {
  await withLiars(ONE, async (host) => {
    const flood = `
      const chunk = new Uint8Array(2 ** 20).fill(120);
      for (let round = 0; round < 1024; round++) for (let rest = chunk; rest.length > 0;) {
        rest = rest.subarray(Deno.stderr.writeSync(rest));
      }`;
    assertEquals(await execute(host, LYING_WHEN_RUN, `${flood} say(honest); return "go on";`), "valid honest");
    assertEquals(await execute(host, LYING_WHEN_RUN), "valid honest");
  });
});

Deno.test("where every worker lies in its handshake, preparing and executing fail without a verdict", async () => {
  await withHost({ engineSource: LYING_AT_THE_START, spawnAttempts: 2, spawnRetryDelayMs: 1 }, async (host) => {
    // There is no act: the module that hashes and verifies is no JavaScript.
    assertEquals(await precheck(host, "{}"), "failed spawn");
    assertEquals(await execute(host, "{}"), "internal preparation");
  });
});
