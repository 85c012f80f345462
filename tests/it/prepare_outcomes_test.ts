/** Every outcome of a prepare job, each provoked by a real fault of a real worker process. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { WorkerLimits } from "../../src/worker_limits.ts";
import { type PrepareJobOutcome, runPrepareJob } from "../../src/worker_process/prepare_job.ts";
import { IdleWorker } from "../../src/worker_process/idle_worker.ts";
import { WorkerDir } from "../../src/worker_process/worker_dir.ts";
import { WorkerProcess } from "../../src/worker_process/worker_process.ts";
import { fileExists, Lab, NEVER, prepareJob } from "./lab.ts";
import { processesWith } from "./processes.ts";

interface PrepareSettings {
  readonly timeoutMs?: number;
  readonly limits?: Partial<WorkerLimits>;
  readonly meanwhile?: (directory: string, pid: number) => Promise<void>;
}

/** Runs one script on a fresh worker; `meanwhile` is called with the worker's directory as the job begins. */
async function prepare(
  code: string,
  { timeoutMs, limits, meanwhile }: PrepareSettings = {},
): Promise<PrepareJobOutcome> {
  await using lab = await Lab.open();
  const idle = await lab.spawn("prepare-worker");
  const [directory = ""] = lab.workerDirectories();
  const job = runPrepareJob(idle, prepareJob(code, timeoutMs, limits), lab.registry, NEVER);
  await meanwhile?.(directory, processesWith(lab.cachePath)[0] ?? 0);
  const outcome = await job;
  if ("worker" in outcome) await outcome.worker.retire();
  assertEquals(processesWith(lab.cachePath), []);
  assertEquals(lab.workerDirectories(), []);
  return outcome;
}

/** What a script does to say that it has begun, before it waits for the test to do something. */
const BEGIN =
  `Deno.writeTextFileSync("begun", ""); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);`;

/** A script that puts something else in the place of what it should write. */
function leaving(statements: string): string {
  return `{ prepare() { Deno.writeFileSync = (path, bytes) => { ${statements} } } }`;
}

Deno.test("a prepare job concludes with an artifact whose checksum and size are the file's", async () => {
  await using lab = await Lab.open();
  const outcome = await runPrepareJob(await lab.spawn("prepare-worker"), prepareJob("{}"), lab.registry, NEVER);
  assert(outcome.kind === "concluded");
  const { result, worker } = outcome;
  assert("path" in result);
  const file = await Deno.readFile(result.path);
  assertEquals(result.sizeBytes, file.length);
  assertEquals(result.checksum, new Uint8Array(await crypto.subtle.digest("SHA-256", file)));
  assertEquals(Array.from(Deno.readDirSync(lab.workerDirectories()[0] ?? "")), []);
  const again = await runPrepareJob(worker, prepareJob("{}"), lab.registry, NEVER);
  assert(again.kind === "concluded", "a worker serves more than one prepare job");
  await again.worker.retire();
});

Deno.test("a prepare job concludes with the failure that the engine tells, and the worker serves on", async () => {
  await using lab = await Lab.open();
  let worker = await lab.spawn("prepare-worker");
  const kinds = ["decompression", "prevalidation", "preparation", "runtime-construction", "out-of-memory"];
  for (const kind of kinds) {
    const job = prepareJob(`{ prepare() { throw new PrepareFailure("${kind}", "the reason") } }`);
    const outcome = await runPrepareJob(worker, job, lab.registry, NEVER);
    assert(outcome.kind === "concluded");
    assertEquals(outcome.result, { kind: "failed", error: kind, message: "the reason" } as typeof outcome.result);
    worker = outcome.worker;
  }
  const outcome = await runPrepareJob(worker, prepareJob("{ prepare() { throw 7 } }"), lab.registry, NEVER);
  assert(outcome.kind === "concluded" && "error" in outcome.result);
  assertEquals(outcome.result.error, "job-error");
  await outcome.worker.retire();
});

Deno.test("a prepare job is Unreachable when the worker was killed before it got the request", async () => {
  await using lab = await Lab.open();
  const idle = await lab.spawn("prepare-worker");
  Deno.kill(idle.pid, "SIGKILL");
  await idle.exited;
  const outcome = await runPrepareJob(idle, prepareJob("{}"), lab.registry, NEVER);
  assert(outcome.kind === "unreachable", outcome.kind);
  assertStringIncludes(outcome.message, "SIGKILL");
  assertEquals(lab.workerDirectories(), []);
});

Deno.test("a prepare job ends with CreateTmpFile when the worker's directory is gone", async () => {
  await using lab = await Lab.open();
  const idle = await lab.spawn("prepare-worker");
  await Deno.remove(lab.workerDirectories()[0] ?? "", { recursive: true });
  const outcome = await runPrepareJob(idle, prepareJob("{}"), lab.registry, NEVER);
  assertEquals(outcome.kind, "create-tmp-file");
  assertEquals(processesWith(lab.cachePath), []);
});

const UNFIT: Record<string, string> = {
  "nothing": "Deno.removeSync(path);",
  "a directory": "Deno.removeSync(path); Deno.mkdirSync(path);",
  "a shorter file": "Deno.openSync(path, { write: true }).writeSync(bytes.subarray(1));",
  "a longer file": "const file = Deno.openSync(path, { write: true }); file.writeSync(bytes); file.writeSync(bytes);",
  "other bytes": "Deno.openSync(path, { write: true }).writeSync(bytes.map((byte) => byte ^ 1));",
};

for (const [what, statements] of Object.entries(UNFIT)) {
  Deno.test(`a prepare job ends with RenameTmpFile when the worker left ${what}`, async () => {
    const outcome = await prepare(leaving(statements));
    assertEquals(outcome.kind, "rename-tmp-file", JSON.stringify(outcome));
  });
}

Deno.test("a prepare job ends with ClearWorkerDir when the directory cannot be cleared", async () => {
  const outcome = await prepare(`{ prepare() { ${BEGIN} throw new PrepareFailure("preparation", "no") } }`, {
    async meanwhile(directory) {
      await fileExists(`${directory}/begun`);
      await Deno.remove(directory, { recursive: true });
    },
  });
  assertEquals(outcome.kind, "clear-worker-dir");
});

Deno.test("a prepare job is TimedOut when it used more CPU time than it may", async () => {
  const burn = "{ prepare() { burn(1_200); } }";
  const outcome = await prepare(burn, { timeoutMs: 600 });
  assert(outcome.kind === "timed-out", outcome.kind);
  assertStringIncludes(outcome.message, "CPU time");
});

Deno.test("a prepare job is TimedOut when four times its limit passed without an answer", async () => {
  const sleep = "{ prepare() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } }";
  const outcome = await prepare(sleep, { timeoutMs: 100 });
  assert(outcome.kind === "timed-out", outcome.kind);
  assertStringIncludes(outcome.message, "400 ms of wall-clock time");
});

Deno.test("a prepare job is TimedOut when its worker is stopped", async () => {
  const outcome = await prepare(`{ prepare() { ${BEGIN} } }`, {
    timeoutMs: 300,
    async meanwhile(directory, pid) {
      await fileExists(`${directory}/begun`);
      Deno.kill(pid, "SIGSTOP");
    },
  });
  assertEquals(outcome.kind, "timed-out");
});

/** Frames that no worker sends: length u32 LE, tag, message. */
const LIES: Record<string, string> = {
  "another tag": "[2, 0, 0, 0, 99, 0]",
  "an empty frame": "[0, 0, 0, 0, 4]",
  "more bytes than a frame may have": "[255, 255, 255, 255, 4]",
  "a message that is cut short": "[3, 0, 0, 0, 4, 1, 0]",
  "an unknown failure": "[22, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 77]",
};

for (const [what, frame] of Object.entries(LIES)) {
  Deno.test(`a prepare job ends with MalformedAnswer when the worker sends ${what}`, async () => {
    const outcome = await prepare(`{ prepare() { Deno.stdout.writeSync(new Uint8Array(${frame})); for (;;); } }`);
    assertEquals(outcome.kind, "malformed-answer", JSON.stringify(outcome));
  });
}

Deno.test("a prepare job ends with MalformedAnswer when the worker answers another request", async () => {
  const answer = `[36, 0, 0, 0, 4, 77, 0, 0, 0, ${"0, ".repeat(16)} 1, 5, 48, ${"65, ".repeat(12)}]`;
  const outcome = await prepare(`{ prepare() { Deno.stdout.writeSync(new Uint8Array(${answer})); for (;;); } }`);
  assert(outcome.kind === "malformed-answer", outcome.kind);
  assertStringIncludes(outcome.message, "request 77");
});

/** Runs a job on another program that stands in for a worker: no worker of ours can close its output. */
async function prepareBy(
  program: string,
  ready?: (worker: WorkerProcess) => Promise<unknown>,
): Promise<PrepareJobOutcome> {
  await using lab = await Lab.open();
  const child = new Deno.Command("sh", {
    args: ["-c", program, lab.cachePath],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const directory = await WorkerDir.create(lab.registry.newPath("worker-dir-prepare-"));
  const worker = new WorkerProcess("prepare-worker", child, directory, lab.environment.onWarning);
  await ready?.(worker);
  const outcome = await runPrepareJob(new IdleWorker(worker), prepareJob("{}"), lab.registry, NEVER);
  assertEquals(processesWith(lab.cachePath), []);
  assertEquals(lab.workerDirectories(), []);
  return outcome;
}

Deno.test("a prepare job ends with IoErr when the worker closes its output and goes on", async () => {
  const outcome = await prepareBy("head -c 1 > /dev/null; exec 1>&-; exec sleep 60");
  assert(outcome.kind === "io-error", outcome.kind);
  assertStringIncludes(outcome.message, "the process goes on");
});

Deno.test("a worker that closes its output before it is asked for anything is killed, and a job is Unreachable", async () => {
  const outcome = await prepareBy("exec 1>&-; exec sleep 60", (worker) => worker.exited);
  assert(outcome.kind === "unreachable", outcome.kind);
  assertStringIncludes(outcome.message, "The worker ended its output before it was asked for prepare response");
  assertStringIncludes(outcome.message, "received signal: SIGKILL");
});

Deno.test("a prepare job ends with OutOfMemory when the worker's heap is full", async () => {
  const outcome = await prepare("{ prepare() { const all = []; for (;;) all.push(new Array(1000).fill({})); } }");
  assertEquals(outcome.kind, "out-of-memory", JSON.stringify(outcome));
});

Deno.test("a prepare job ends with JobDied when the process is killed, and says by which signal", async () => {
  const outcome = await prepare(`{ prepare() { ${BEGIN} } }`, {
    async meanwhile(directory, pid) {
      await fileExists(`${directory}/begun`);
      Deno.kill(pid, "SIGKILL");
    },
  });
  assert(outcome.kind === "job-died", outcome.kind);
  assertStringIncludes(outcome.message, "received signal: SIGKILL");
});

Deno.test("a prepare job ends with JobDied when the process exits, and says what it wrote last", async () => {
  const outcome = await prepare(`{ prepare() { console.log("last words"); Deno.exit(3); } }`);
  assert(outcome.kind === "job-died", outcome.kind);
  assertStringIncludes(outcome.message, "exited with status 3: last words");
});

Deno.test("an aborted prepare job rejects with the signal's reason, and its worker is gone", async () => {
  await using lab = await Lab.open();
  const abort = new AbortController();
  const idle = await lab.spawn("prepare-worker");
  const job = runPrepareJob(idle, prepareJob("{ prepare() { for (;;); } }"), lab.registry, abort.signal);
  abort.abort(new Error("enough"));
  assertEquals(await job.catch((error) => error.message), "enough");
  assertEquals(processesWith(lab.cachePath), []);
  assertEquals(lab.workerDirectories(), []);
});

Deno.test("a prepare job ends with DirectoryLimit when directories are nested too deep", async () => {
  const outcome = await prepare(`{ prepare() { Deno.mkdirSync("a/".repeat(300), { recursive: true }); } }`, {
    limits: { directoryFiles: 20_000 },
  });
  assert(outcome.kind === "directory-limit", outcome.kind);
  assertStringIncludes(outcome.message, "nested deeper than 500 characters");
});

Deno.test("a preparation can write its directory, and read nothing there", async () => {
  const code = `{
    prepare() {
      Deno.writeTextFileSync("file", "");
      const refused = [];
      for (const attempt of [() => Deno.readTextFileSync("file"), () => [...Deno.readDirSync(".")]]) {
        try { attempt(); } catch (error) { refused.push(error.name); }
      }
      throw new PrepareFailure("preparation", refused.join());
    }
  }`;
  await using lab = await Lab.open();
  const outcome = await runPrepareJob(await lab.spawn("prepare-worker"), prepareJob(code), lab.registry, NEVER);
  assert(outcome.kind === "concluded" && "error" in outcome.result, JSON.stringify(outcome));
  assertEquals(outcome.result.message, "NotCapable,NotCapable");
  await outcome.worker.retire();
});
