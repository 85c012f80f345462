/**
 * Workers whose job controls all JavaScript, and which say to the host whatever a pipe can carry, in every phase of their life. Each
 * time the host sees what it is, and does the next job.
 */
import { assert, assertEquals } from "@std/assert";
import type { ValidationHost } from "../../src/host.ts";
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
import { type End, type Lie, liesAbout, MESSAGES } from "./lies.ts";
import { processesWith } from "./processes.ts";
import { script } from "./script_engine.ts";
import { withHost } from "./with_host.ts";

/** What each end is called by whoever waits for the job: the one place that has to change with the names. */
const CALLED: Record<keyof typeof MESSAGES, Record<End, string>> = {
  handshake: { malformed: "spawn malformed", died: "spawn died", late: "spawn late" },
  prepare: { malformed: "failed io-error", died: "failed job-died", late: "failed timed-out" },
  bind: {
    malformed: "possibly-invalid ambiguous-worker-death",
    died: "possibly-invalid ambiguous-job-death",
    late: "possibly-invalid wall-clock-timeout",
  },
  execute: {
    malformed: "possibly-invalid ambiguous-worker-death",
    died: "possibly-invalid ambiguous-job-death",
    late: "possibly-invalid wall-clock-timeout",
  },
};

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

/** A host whose scripts can lie, and which has room for all that do so at a time. */
function withLiars(test: (host: ValidationHost) => Promise<void>, precheckTimeoutMs = LONG_MS): Promise<void> {
  const workers = 2 * LANES + 4;
  const options = { maxExecuteWorkers: workers, maxPrepareWorkers: workers, softPrepareWorkers: workers };
  return withHost({ engineSource: HOSTILE_ENGINE, precheckTimeoutMs, ...options }, (host) => test(host));
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
  await withLiars(async (patient) => {
    await withLiars((impatient) =>
      assertSeenThrough("prepare", async ({ act, end }) => {
        const host = end === "late" ? impatient : patient;
        const result = await precheck(host, lyingWhenPrepared(act));
        assertEquals(await precheck(host, `{ honest: ${honest++} }`), "prepared");
        return result;
      }), SHORT_MS);
  });
});

Deno.test("a worker that lies about its artifact is PossiblyInvalid, and the next one executes", async () => {
  await withLiars((host) =>
    assertSeenThrough("bind", async ({ act }) => {
      const result = await execute(host, lyingWhenBound(act));
      assertEquals(await execute(host, LYING_WHEN_RUN), "valid honest");
      return result;
    })
  );
});

Deno.test("a worker that lies about an execution is PossiblyInvalid, and the next one is honest", async () => {
  await withLiars((host) =>
    assertSeenThrough("execute", async ({ act, end }) => {
      const result = await execute(host, LYING_WHEN_RUN, act, end === "late" ? SHORT_MS : LONG_MS);
      assertEquals(await execute(host, LYING_WHEN_RUN), "valid honest");
      return result;
    })
  );
});
