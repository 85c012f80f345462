/**
 * Upstream's tests of what becomes of a worker's death (tests/it/process.rs), by upstream's names: signals that are sent to real workers
 * in the midst of a job. A worker of upstream's forks a process for each job; here the worker process itself does the job, so what
 * upstream tells apart by worker and job is one thing, and each name shows another side of it.
 */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import type { ValidationHost } from "../../src/host.ts";
import type { PrecheckOutcome } from "../../src/precheck_outcome.ts";
import { isDeterministic } from "../../src/prepare_error.ts";
import { decodeValidationResult } from "../../src/protocol/validation_data.ts";
import { Pvf } from "../../src/pvf.ts";
import { fileExists } from "./lab.ts";
import { processesWith } from "./processes.ts";
import { script } from "./script_engine.ts";
import { ADDER, ADDER_GENESIS, adderHead, burning, GOOD_BLOCK, HALT, keccak256 } from "./test_pvfs.ts";
import { withHost, withScriptHost } from "./with_host.ts";

const T = 600;

const halt = await Pvf.fromCode(HALT);
const adder = await Pvf.fromCode(ADDER);
/** A preparation that begins, says so, and never ends: no WebAssembly takes so long. */
const endless = await Pvf.fromCode(script(`{ prepare() { Deno.writeTextFileSync("begun", ""); for (;;); } }`));
/** One that does end. */
const quick = await Pvf.fromCode(script(`{ run: () => "" }`));

function validate(host: ValidationHost, pvf: Pvf, timeoutMs = 10_000): Promise<ExecuteOutcome> {
  return host.execute(pvf, { ...GOOD_BLOCK, timeoutMs });
}

/** The process of the prepare worker that has begun with `endless`. */
async function preparingWorker(cachePath: string): Promise<number> {
  const directory = (): string | undefined =>
    Array.from(Deno.readDirSync(cachePath), ({ name }) => name).find((name) => name.startsWith("worker-dir-prepare-"));
  while (directory() === undefined) await delay(5);
  await fileExists(`${cachePath}/${directory()}/begun`);
  return onlyOne(processesWith(`${cachePath}/${directory()}`));
}

/** The process of the execute worker that is about to run `halt`. It is kept ready, so that its CPU time tells when it runs. */
async function spareWorker(host: ValidationHost, cachePath: string): Promise<number> {
  while (host.snapshot().executeWorkers.idle < 1) await delay(5);
  return onlyOne(processesWith(`${cachePath}/worker-dir-execute-`));
}

function onlyOne(pids: readonly number[]): number {
  const [pid] = pids;
  assert(pid !== undefined && pids.length === 1, `${pids.length} workers`);
  return pid;
}

/** Runs `test` on a host with one execute worker, which has just begun with `halt`. */
async function whileHaltRuns(
  timeoutMs: number,
  test: (worker: number, outcome: Promise<ExecuteOutcome>, host: ValidationHost) => Promise<void>,
): Promise<void> {
  await withHost({ maxExecuteWorkers: 1, spareExecuteWorkers: 1 }, async (host, cachePath) => {
    assertEquals((await host.precheck(halt)).kind, "prepared");
    const worker = await spareWorker(host, cachePath);
    const outcome = validate(host, halt, timeoutMs);
    await burning([worker]);
    await test(worker, outcome, host);
  });
}

function assertOutcome(outcome: ExecuteOutcome, kind: string, reason: string, message: string): void {
  assert(outcome.kind !== "valid", JSON.stringify(outcome));
  assertEquals([outcome.kind, outcome.reason], [kind, reason], JSON.stringify(outcome));
  assertStringIncludes(outcome.message, message);
}

/** The failure is not held against the code. */
function assertNotTheCodesFault(outcome: PrecheckOutcome, kind: string, message: string): void {
  assert(outcome.kind === "failed", JSON.stringify(outcome));
  assertEquals(outcome.error.kind, kind, outcome.error.message);
  assertStringIncludes(outcome.error.message, message);
  assert(!isDeterministic(outcome.error));
}

/** Processes whose parent is this one. */
function childrenOf(pid: number): number[] {
  return Array.from(Deno.readDirSync("/proc"), ({ name }) => name).filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

Deno.test("successful_prepare_and_validate: a good block is valid", async () => {
  await withHost({}, async (host) => {
    const outcome = await validate(host, adder);
    assert(outcome.kind === "valid", JSON.stringify(outcome));
    const head = adderHead(1n, keccak256(ADDER_GENESIS), 512n);
    assertEquals(decodeValidationResult(outcome.result).headData, head);
  });
});

Deno.test("prepare_worker_timeout: a prepare worker that is stopped is TimedOut by the host's clock", async () => {
  await withScriptHost({ precheckTimeoutMs: T }, async (host, cachePath) => {
    const prechecking = host.precheck(endless);
    Deno.kill(await preparingWorker(cachePath), "SIGSTOP");
    assertNotTheCodesFault(await prechecking, "timed-out", `within ${4 * T} ms of wall-clock time`);
    assertEquals((await host.precheck(quick)).kind, "prepared", "another worker takes its place");
  });
});

Deno.test("execute_worker_timeout: an execute worker that is stopped is PossiblyInvalid, and one that burns its time is Invalid", async () => {
  // Upstream calls both Invalid, and validators were punished for it (polkadot-sdk issue 10670).
  await whileHaltRuns(T, async (worker, outcome, host) => {
    Deno.kill(worker, "SIGSTOP");
    assertOutcome(await outcome, "possibly-invalid", "wall-clock-timeout", `within ${4 * T} ms of wall-clock time`);
    assertOutcome(await validate(host, halt, T), "invalid", "hard-timeout", `of CPU time, at most ${T} ms allowed`);
  });
});

Deno.test("prepare_worker_killed_during_job: the failure is JobDied, and another worker does the next job", async () => {
  await withScriptHost({}, async (host, cachePath) => {
    const prechecking = host.precheck(endless);
    const next = host.precheck(quick);
    Deno.kill(await preparingWorker(cachePath), "SIGKILL");
    assertNotTheCodesFault(await prechecking, "job-died", "received signal: SIGKILL");
    assertEquals((await next).kind, "prepared");
  });
});

Deno.test("forked_prepare_job_killed_during_job: for an execution that waits for it the failure is Internal, and says SIGKILL", async () => {
  await withScriptHost({}, async (host, cachePath) => {
    const validating = validate(host, endless);
    Deno.kill(await preparingWorker(cachePath), "SIGKILL");
    assertOutcome(await validating, "internal", "preparation", "job-died: The worker process received signal: SIGKILL");
  });
});

Deno.test("execute_worker_killed_during_job: the block is PossiblyInvalid, and another worker does the next job", async () => {
  await whileHaltRuns(10_000, async (worker, outcome, host) => {
    const next = validate(host, adder);
    Deno.kill(worker, "SIGKILL");
    assertOutcome(await outcome, "possibly-invalid", "ambiguous-job-death", "SIGKILL");
    assertEquals((await next).kind, "valid");
  });
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`forked_execute_job_killed_during_job: the block is PossiblyInvalid, which says ${signal}`, async () => {
    await whileHaltRuns(10_000, async (worker, outcome) => {
      Deno.kill(worker, signal);
      const message = `The worker process received signal: ${signal}`;
      assertOutcome(await outcome, "possibly-invalid", "ambiguous-job-death", message);
    });
  });
}

Deno.test("ensure_prepare_processes_have_correct_num_threads: threads are Deno's affair, but a busy worker is one process", async () => {
  await withScriptHost({}, async (host, cachePath) => {
    const prechecking = host.precheck(endless);
    const worker = await preparingWorker(cachePath);
    assertEquals([parentOf(worker), childrenOf(worker)], [Deno.pid, []]);
    Deno.kill(worker, "SIGKILL");
    assertNotEquals((await prechecking).kind, "prepared");
  });
});

Deno.test("ensure_execute_processes_have_correct_num_threads: threads are Deno's affair, but a busy worker is one process", async () => {
  await whileHaltRuns(10_000, async (worker, outcome) => {
    assertEquals([parentOf(worker), childrenOf(worker)], [Deno.pid, []]);
    Deno.kill(worker, "SIGKILL");
    assertNotEquals((await outcome).kind, "valid");
  });
});
