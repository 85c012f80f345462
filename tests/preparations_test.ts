/** Upstream's unit tests of its host (section 9.6 of the specification), by the names that they have there, and what goes beyond them. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { ActiveLeaves } from "../src/active_leaves.ts";
import type { ExecuteOutcome } from "../src/execute_outcome.ts";
import { Executions } from "../src/executions.ts";
import type { HostQueues } from "../src/host_queues.ts";
import { NO_METRICS } from "../src/metrics.ts";
import type { PrepareError, PrepareErrorKind } from "../src/prepare_error.ts";
import { type Preparation, Preparations, type PrepareTask } from "../src/preparations.ts";
import { Pruning, type PruningOptions } from "../src/pruning.ts";
import { Pvf } from "../src/pvf.ts";
import type { ExecuteEntry } from "../src/queue/execute_schedule.ts";
import type { ExecutionClass } from "../src/queue/fairness.ts";
import { QueueFullError } from "../src/queue/schedule.ts";
import type { PreparePriority } from "../src/queue/prepare_schedule.ts";
import type { JobSignals, Waiting, WorkerQueue } from "../src/queue/worker_queue.ts";
import type { ArtifactFile, PrepareLimits } from "../src/registry/artifact.ts";
import type { RemovedArtifact } from "../src/registry/registry.ts";
import { resolveWorkerLimits } from "../src/worker_limits.ts";
import { idOf, RegistryFixture, STATS } from "./registry/fixtures.ts";

const COOLDOWN_MS = 15 * 60_000;
const PRECHECK_MS = 60_000;
const MAX_WAITING = 11;
const SUCCESS = Symbol("success");

const [PVF1, PVF2] = await Promise.all([Pvf.fromCode(Uint8Array.of(1)), Pvf.fromCode(Uint8Array.of(2))]);
const VALID: ExecuteOutcome = {
  kind: "valid",
  result: Uint8Array.of(7),
  cpuTimeMs: 1,
  wallTimeMs: 1,
  peakMemoryPages: 1,
  log: [],
  logDropped: 0,
};

/** A preparation that was asked for. */
interface Request {
  readonly pvf: Pvf;
  readonly limits: PrepareLimits;
  readonly priority: PreparePriority;
  isRaised: boolean;
  conclude(result: ArtifactFile | PrepareError): void;
  abandon(reason: Error): void;
}

/** Preparations and executions between queues that only take note, and a real registry. */
class Fixture implements AsyncDisposable {
  /** The preparations that were asked for, and not looked at yet. */
  readonly requests: Request[] = [];
  /** The executions that got as far as to their queue, by class; each ends at once. */
  readonly executed: ExecutionClass[] = [];
  readonly preparations: Preparations;
  readonly leaves = new ActiveLeaves();
  readonly executions: Executions;
  /** The CPU time that a precheck may take. */
  precheckMs = PRECHECK_MS;
  /** What executions end with. */
  outcome: ExecuteOutcome | Promise<ExecuteOutcome> = VALID;

  private constructor(readonly files: RegistryFixture) {
    const { registry, clock: { now } } = files;
    this.preparations = new Preparations({
      registry,
      now,
      retryCooldownMs: COOLDOWN_MS,
      maxRetries: 5,
      precheckTimeoutMs: () => this.precheckMs,
      prepareTimeoutMs: () => 6 * PRECHECK_MS,
      prepare: (...wanted) => this.#prepare(...wanted),
    });
    const execute = {
      submit: (entry: ExecuteEntry & Waiting, _job: unknown, signals: JobSignals) => {
        signals.signal?.throwIfAborted();
        this.executed.push(entry.executionClass);
        return { result: Promise.resolve(this.outcome), entry };
      },
    } as unknown as WorkerQueue<ExecuteEntry>;
    this.executions = new Executions({
      registry,
      preparations: this.preparations,
      queues: { execute } as HostQueues,
      leaves: this.leaves,
      maxWaiting: MAX_WAITING,
      povBombLimitBytes: 1,
      limits: resolveWorkerLimits(),
      now,
      metrics: NO_METRICS,
      onWarning: (message) => {
        throw new Error(message);
      },
    });
  }

  static async open(): Promise<Fixture> {
    return new Fixture(await RegistryFixture.open());
  }

  #prepare(pvf: Pvf, limits: PrepareLimits, priority: PreparePriority): PrepareTask {
    const { promise, resolve, reject } = Promise.withResolvers<
      ArtifactFile | PrepareError
    >();
    const request: Request = { pvf, limits, priority, isRaised: false, conclude: resolve, abandon: reject };
    this.requests.push(request);
    return { result: promise, raise: () => void (request.isRaised = true) };
  }

  precheck(pvf: Pvf, signal?: AbortSignal): Promise<Preparation> {
    return this.preparations.forPrecheck(pvf, signal);
  }

  execute(
    pvf: Pvf,
    executionClass: ExecutionClass = "backing",
    { signal, relayParent }: { signal?: AbortSignal; relayParent?: string } = {},
  ): Promise<ExecuteOutcome> {
    const params = new Uint8Array();
    return this.executions.run({ pvf, params, timeoutMs: 1_000, executionClass, relayParent, signal });
  }

  /** The one preparation that was asked for since the last time. */
  async taken(): Promise<Request> {
    await until(() => this.requests.length > 0);
    await settled();
    const [request, ...others] = this.requests.splice(0);
    assertEquals(others.length, 0, "one preparation");
    assert(request, "a preparation");
    return request;
  }

  /** Nothing was asked for since the last time. */
  async assertQuiet(): Promise<void> {
    await settled();
    assertEquals(this.requests.length, 0, "no preparation");
  }

  /** Takes the one preparation, and lets it end like this. */
  async conclude(how: typeof SUCCESS | PrepareErrorKind, cpuTimeMs = 1): Promise<Request> {
    const request = await this.taken();
    if (how === SUCCESS) request.conclude(await this.#file(cpuTimeMs));
    else request.conclude({ kind: how, message: `by the limits of a ${request.limits}` });
    await settled();
    return request;
  }

  async #file(cpuTimeMs: number): Promise<ArtifactFile> {
    const content = crypto.getRandomValues(new Uint8Array(8));
    const checksum = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    const source = await this.files.leave(content);
    const published = await this.files.registry.publish(source, { sizeBytes: content.length, checksum });
    return { ...published, checksum, stats: { ...STATS, cpuTimeMs } };
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.files.clock.nowMs += ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.files[Symbol.asyncDispose]();
  }
}

/** Lets everything happen that waits for nothing else but a look at the disk. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Deno.stat(".");
}

/** Waits for what is to happen. */
async function until(isOver: () => boolean): Promise<void> {
  const start = performance.now();
  while (!isOver()) {
    if (performance.now() - start > 5_000) throw new Error("It does not happen");
    await settled();
  }
}

function errorOf(preparation: Preparation): PrepareErrorKind | undefined {
  return preparation.state === "failed" ? preparation.error.kind : undefined;
}

/** What is said of an outcome in short. */
function inShort(outcome: ExecuteOutcome): string {
  return outcome.kind === "valid" ? "valid" : `${outcome.kind}: ${outcome.reason}`;
}

Deno.test("execute_pvf_requests: one preparation for each code with its first request's priority, which releases all that wait", async () => {
  await using fixture = await Fixture.open();
  const first = [fixture.execute(PVF1, "backing"), fixture.execute(PVF1, "backing-system-paras")];
  const second = fixture.execute(PVF2, "dispute");
  const [one, two, ...others] = await until(() => fixture.requests.length > 1).then(() => fixture.requests.splice(0));
  assertEquals(others, []);
  assertEquals([one, two].map((request) => [request?.pvf, request?.priority, request?.limits]), [
    [PVF1, "normal", "compile"],
    [PVF2, "critical", "compile"],
  ]);
  assertEquals(fixture.executed, []);
  fixture.requests.push(one as Request);
  await fixture.conclude(SUCCESS);
  assertEquals(await Promise.all(first), [VALID, VALID]);
  assertEquals(fixture.executed, ["backing", "backing-system-paras"]);
  fixture.requests.push(two as Request);
  await fixture.conclude(SUCCESS);
  assertEquals(await second, VALID);
  assertEquals(fixture.executed.slice(2), ["dispute"]);
});

Deno.test("execute_pvf_requests: what an execution ends with is passed on as it is", async () => {
  await using fixture = await Fixture.open();
  fixture.outcome = { kind: "possibly-invalid", reason: "ambiguous-job-death", message: "gone", log: [] };
  const outcome = fixture.execute(PVF1);
  await fixture.conclude(SUCCESS);
  assertEquals(await outcome, fixture.outcome);
  assertEquals(await fixture.execute(PVF1), fixture.outcome);
  await fixture.assertQuiet();
});

Deno.test("precheck_pvf: a precheck is answered by its preparation, and nothing is executed", async () => {
  await using fixture = await Fixture.open();
  const outcome = fixture.precheck(PVF1);
  const { priority, limits } = await fixture.conclude(SUCCESS);
  assertEquals([priority, limits], ["normal", "precheck"]);
  assertEquals((await outcome).state, "prepared");
  assertEquals((await fixture.precheck(PVF1)).state, "prepared");
  await fixture.assertQuiet();
  assertEquals(fixture.executed, []);
});

Deno.test("precheck_pvf: three prechecks of one code share one preparation and its failure", async () => {
  await using fixture = await Fixture.open();
  const outcomes = [1, 2, 3].map(() => fixture.precheck(PVF1));
  await fixture.conclude("timed-out");
  assertEquals((await Promise.all(outcomes)).map(errorOf), ["timed-out", "timed-out", "timed-out"]);
  await fixture.assertQuiet();
});

Deno.test("test_prepare_done: a precheck that joins an execution's preparation shares its failure", async () => {
  await using fixture = await Fixture.open();
  const execution = fixture.execute(PVF1);
  const precheck = fixture.precheck(PVF1);
  await fixture.conclude("timed-out");
  assertEquals(errorOf(await precheck), "timed-out");
  assertEquals(inShort(await execution), "internal: preparation");
  await fixture.assertQuiet();
  assertEquals(fixture.executed, []);
});

Deno.test("test_prepare_done: an execution that joins a precheck's preparation goes on once that is done", async () => {
  await using fixture = await Fixture.open();
  const prechecks = [fixture.precheck(PVF1), fixture.precheck(PVF1)];
  const execution = fixture.execute(PVF1);
  await fixture.conclude(SUCCESS);
  assertEquals((await Promise.all(prechecks)).map(({ state }) => state), ["prepared", "prepared"]);
  assertEquals(await execution, VALID);
  assertEquals(fixture.executed, ["backing"]);
});

Deno.test("test_precheck_prepare_no_retry: a precheck never tries a failure again, not even after the cooldown", async () => {
  await using fixture = await Fixture.open();
  const first = fixture.precheck(PVF1);
  await fixture.conclude("timed-out");
  const error = await first;
  assertEquals(errorOf(error), "timed-out");
  assertEquals(await fixture.precheck(PVF1), error);
  fixture.pass(10 * COOLDOWN_MS);
  assertEquals(await fixture.precheck(PVF1), error);
  await fixture.assertQuiet();
});

Deno.test("test_execute_prepare_retry: an execution tries again what may have been the machine's fault, after the cooldown", async () => {
  await using fixture = await Fixture.open();
  const first = fixture.execute(PVF1);
  await fixture.conclude("timed-out");
  assertEquals(inShort(await first), "internal: preparation");
  fixture.pass(COOLDOWN_MS - 1);
  assertEquals(await fixture.execute(PVF1), await first, "the cooldown is not over");
  await fixture.assertQuiet();
  fixture.pass(1);
  const again = fixture.execute(PVF1);
  await fixture.conclude(SUCCESS);
  assertEquals(await again, VALID);
  assertEquals(fixture.executed, ["backing"]);
});

Deno.test("test_execute_prepare_no_retry: an execution never tries again what is the code's fault", async () => {
  await using fixture = await Fixture.open();
  const first = fixture.execute(PVF1);
  await fixture.conclude("prevalidation");
  assertEquals(inShort(await first), "preparation: prevalidation");
  assertEquals(await fixture.execute(PVF1), await first);
  fixture.pass(10 * COOLDOWN_MS);
  assertEquals(await fixture.execute(PVF1), await first);
  await fixture.assertQuiet();
});

Deno.test("test_heads_up_prepare_retry: a heads-up tries a failure again after the cooldown, and not before", async () => {
  await using fixture = await Fixture.open();
  fixture.preparations.headsUp(PVF1);
  const { priority, limits } = await fixture.conclude("timed-out");
  assertEquals([priority, limits], ["normal", "compile"]);
  fixture.preparations.headsUp(PVF1);
  await fixture.assertQuiet();
  fixture.pass(COOLDOWN_MS);
  fixture.preparations.headsUp(PVF1);
  fixture.preparations.headsUp(PVF1);
  await fixture.conclude("prevalidation");
  fixture.pass(COOLDOWN_MS);
  fixture.preparations.headsUp(PVF1);
  await fixture.assertQuiet();
});

Deno.test("cancellation: an execution that is given up while it waits for an artifact is not executed, and the artifact is kept", async () => {
  await using fixture = await Fixture.open();
  const controller = new AbortController();
  const given = fixture.execute(PVF1, "approval", { signal: controller.signal });
  const other = fixture.execute(PVF1, "dispute");
  const request = await fixture.taken();
  controller.abort(new Error("not wanted"));
  await assertRejects(() => given, Error, "not wanted");
  fixture.requests.push(request);
  await fixture.conclude(SUCCESS);
  assertEquals(await other, VALID);
  assertEquals(fixture.executed, ["dispute"]);
  await assertRejects(() => fixture.execute(PVF1, "approval", { signal: controller.signal }), Error, "not wanted");
  await assertRejects(() => fixture.precheck(PVF2, controller.signal), Error, "not wanted");
  await fixture.assertQuiet();
});

Deno.test("a preparation that no worker began says nothing about the code: the next request tries anew", async () => {
  for (const kind of ["spawn", "unreachable", "create-tmp-file"] as const) {
    await using fixture = await Fixture.open();
    const calls = [fixture.execute(PVF1), fixture.execute(PVF1)];
    await fixture.conclude(kind);
    assertEquals((await Promise.all(calls)).map(({ kind }) => kind), ["internal", "internal"]);
    assertEquals(fixture.files.registry.get(PVF1.artifactId), undefined);
    const precheck = fixture.precheck(PVF1);
    await fixture.conclude(kind);
    assertEquals(errorOf(await precheck), kind);
    const again = fixture.precheck(PVF1);
    await fixture.conclude(SUCCESS);
    assertEquals((await again).state, "prepared");
  }
});

Deno.test("a precheck that ran out of time answers for prechecks that have no more, and for no others", async () => {
  await using fixture = await Fixture.open();
  const first = fixture.precheck(PVF1);
  const request = await fixture.taken();
  fixture.precheckMs = 2 * PRECHECK_MS;
  const joined = fixture.precheck(PVF1);
  request.conclude({ kind: "timed-out", message: "by one limit", allowedMs: PRECHECK_MS });
  assertEquals(errorOf(await first), "timed-out");
  const own = await fixture.taken();
  own.conclude({ kind: "timed-out", message: "by the other", allowedMs: 2 * PRECHECK_MS });
  assertEquals(errorOf(await joined), "timed-out");
  assertEquals(errorOf(await fixture.precheck(PVF1)), "timed-out");
  fixture.precheckMs = PRECHECK_MS;
  assertEquals(errorOf(await fixture.precheck(PVF1)), "timed-out");
  await fixture.assertQuiet();
});

Deno.test("executions that wait for an artifact count as waiting, and one that is given up makes room", async () => {
  await using fixture = await Fixture.open();
  const controller = new AbortController();
  const calls = Array.from({ length: MAX_WAITING - 1 }, () => fixture.execute(PVF1));
  const given = fixture.execute(PVF1, "backing", { signal: controller.signal });
  const error = await assertRejects(() => fixture.execute(PVF2, "dispute"), QueueFullError);
  assertEquals([error.length, error.limit, error.retryable], [MAX_WAITING, MAX_WAITING, true]);
  controller.abort(new Error("not wanted"));
  await assertRejects(() => given, Error, "not wanted");
  calls.push(fixture.execute(PVF1, "dispute"));
  await fixture.conclude(SUCCESS);
  assertEquals(await Promise.all(calls), calls.map(() => VALID));
});

Deno.test("test_prunes_old_jobs_on_active_leaves_update: the ten whose relay parents are not live end, and one goes on", async () => {
  await using fixture = await Fixture.open();
  const old = Array.from({ length: 10 }, (_, n) => fixture.execute(PVF1, "backing", { relayParent: `other ${n}` }));
  const live = fixture.execute(PVF1, "backing", { relayParent: "ancestor" });
  fixture.leaves.update({ activated: { hash: "leaf", ancestors: ["ancestor"] } });
  fixture.executions.expire();
  const ends = (await Promise.all(old)).map(inShort);
  assertEquals(ends, old.map(() => "execution-deadline: relay-parent-not-active"));
  await fixture.conclude(SUCCESS);
  assertEquals(await live, VALID);
  assertEquals(fixture.executed, ["backing"]);
});

Deno.test("shutdown_on_handle_drop: a preparation that ends with the host rejects for all that wait, and for nobody", async () => {
  await using fixture = await Fixture.open();
  const calls = [fixture.precheck(PVF1), fixture.execute(PVF1)];
  fixture.preparations.headsUp(PVF2);
  await until(() => fixture.requests.length === 2);
  const [joined, nobodys] = fixture.requests.splice(0);
  const rejections = calls.map((call) => assertRejects(() => call, Error, "closed"));
  joined?.abandon(new Error("closed"));
  nobodys?.abandon(new Error("closed"));
  await Promise.all(rejections);
});

const INTERVAL_MS = 20;
const TIMED = { intervalMs: INTERVAL_MS, ttlMs: 1_000_000, maxBytes: 1_024, minStaleMs: 0 };

/** Pruning from time to time; `next` is what it removes next. */
function startPruning(
  { registry }: RegistryFixture,
  options: Partial<PruningOptions> = {},
): { pruning: Pruning; next: () => Promise<readonly RemovedArtifact[]>; told: (readonly RemovedArtifact[])[] } {
  const told: (readonly RemovedArtifact[])[] = [];
  let tell = (): void => {};
  const onPrune = (removed: readonly RemovedArtifact[]): void => {
    told.push(removed);
    tell();
  };
  const onWarning = (message: string): void => {
    throw new Error(message);
  };
  const pruning = new Pruning(registry, { ...TIMED, onPrune, onWarning, ...options });
  const next = async (): Promise<readonly RemovedArtifact[]> => {
    if (told.length === 0) await deadline(new Promise<void>((resolve) => tell = resolve), 5_000);
    return told.shift() ?? [];
  };
  return { pruning, next, told };
}

/** Waits as long as pruning takes to come round several times, told by pruning of another registry. */
async function pulsesElsewhere(count: number): Promise<void> {
  await using files = await RegistryFixture.open();
  const { pruning, next } = startPruning(files, { maxBytes: 0 });
  using _ = pruning;
  for (let pulse = 1; pulse <= count; pulse++) {
    await files.prepare(idOf(pulse), new Uint8Array(1));
    await next();
  }
}

Deno.test("pulse_test: pruning comes round again and again, not more often than it should, until it is ended", async () => {
  await using files = await RegistryFixture.open();
  const { pruning, next, told } = startPruning(files, { maxBytes: 0 });
  const start = performance.now();
  for (let pulse = 1; pulse <= 5; pulse++) {
    await files.prepare(idOf(pulse), new Uint8Array(1));
    assertEquals((await next()).map(({ id }) => id), [idOf(pulse)]);
  }
  assert(performance.now() - start > 4 * INTERVAL_MS);
  pruning[Symbol.dispose]();
  await files.prepare(idOf(6), new Uint8Array(1));
  await pulsesElsewhere(3);
  assertEquals(told, []);
  assertEquals(files.registry.size, 1);
});

Deno.test("pruning: of two artifacts that are too much together, the one that a heads-up named stays", async () => {
  await using fixture = await Fixture.open();
  const { files } = fixture;
  await files.prepare(PVF1.artifactId, new Uint8Array(1_024));
  const path = await files.prepare(PVF2.artifactId, new Uint8Array(1_024));
  fixture.pass(1_000);
  fixture.preparations.headsUp(PVF1);
  await fixture.assertQuiet();
  const { pruning, next, told } = startPruning(files);
  using _ = pruning;
  assertEquals(await next(), [{ id: PVF2.artifactId, path, sizeBytes: 1_024 }]);
  await pulsesElsewhere(3);
  assertEquals(told, []);
  assertEquals(files.registry.get(PVF1.artifactId)?.state, "prepared");
});

Deno.test("pruning: what is in use stays, however old, until the last use of it ends", async () => {
  await using files = await RegistryFixture.open();
  await files.prepare(idOf(1), new Uint8Array(1));
  await files.prepare(idOf(2), new Uint8Array(1));
  files.clock.nowMs = 10;
  const { pruning } = startPruning(files, { intervalMs: Infinity, maxBytes: 0 });
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const uses = [first, second].map(({ promise }) => pruning.inUse(idOf(1), () => promise));
  assertEquals((await pruning.prune(0)).map(({ id }) => id), [idOf(2)]);
  first.resolve();
  await uses[0];
  assertEquals(await pruning.prune(0), []);
  second.reject(new Error("failed"));
  await assertRejects(() => uses[1] as Promise<void>, Error, "failed");
  assertEquals((await pruning.prune(0)).map(({ id }) => id), [idOf(1)]);
});

Deno.test("a request that is more in a hurry raises the preparation that it joins", async () => {
  await using fixture = await Fixture.open();
  const calls = [fixture.precheck(PVF1), fixture.execute(PVF1, "backing")];
  const request = await fixture.taken();
  assertEquals([request.priority, request.isRaised], ["normal", false]);
  calls.push(fixture.execute(PVF1, "approval"));
  await fixture.assertQuiet();
  assertEquals(request.isRaised, true);
  fixture.requests.push(request);
  await fixture.conclude(SUCCESS);
  await Promise.all(calls);
});

Deno.test("a failure is tried again five times, and a success makes all of that forgotten", async () => {
  await using fixture = await Fixture.open();
  for (let attempt = 1; attempt <= 6; attempt++) {
    const outcome = fixture.execute(PVF1);
    await fixture.conclude("job-died");
    assertEquals(inShort(await outcome), "internal: preparation");
    fixture.pass(COOLDOWN_MS);
  }
  assertEquals(inShort(await fixture.execute(PVF1)), "internal: preparation");
  fixture.preparations.headsUp(PVF1);
  await fixture.assertQuiet();
  for (const how of ["job-died", SUCCESS, "job-died"] as const) {
    const outcome = fixture.execute(PVF2);
    await fixture.conclude(how);
    const state = fixture.files.registry.get(PVF2.artifactId);
    assertEquals(state?.state === "failed" ? state.numFailures : 0, how === SUCCESS ? 0 : 1);
    await outcome;
    fixture.pass(COOLDOWN_MS);
    if (how === SUCCESS) await fixture.files.registry.remove(PVF2.artifactId);
  }
});

for (const kind of ["timed-out", "out-of-memory"] as const) {
  Deno.test(`a precheck that ends in ${kind} does not answer executions, whether they joined it or come later`, async () => {
    await using fixture = await Fixture.open();
    const precheck = fixture.precheck(PVF1);
    const joined = [fixture.execute(PVF1), fixture.execute(PVF1, "dispute")];
    assertEquals((await fixture.conclude(kind)).limits, "precheck");
    assertEquals(errorOf(await precheck), kind);
    assertEquals((await fixture.conclude(SUCCESS)).limits, "compile");
    assertEquals(await Promise.all(joined), [VALID, VALID]);
    const other = fixture.precheck(PVF2);
    await fixture.conclude(kind);
    await other;
    const later = fixture.execute(PVF2);
    assertEquals((await fixture.conclude(kind)).limits, "compile");
    assertEquals(inShort(await later).startsWith("valid"), false);
    assertEquals(inShort(await fixture.execute(PVF2)), inShort(await later), "this one is their own");
    await fixture.assertQuiet();
  });
}

Deno.test("a precheck that ends in what has nothing to do with its limits answers executions", async () => {
  await using fixture = await Fixture.open();
  const calls = [fixture.precheck(PVF1), fixture.execute(PVF1)] as const;
  await fixture.conclude("prevalidation");
  assertEquals(errorOf(await calls[0]), "prevalidation");
  assertEquals(inShort(await calls[1]), "preparation: prevalidation");
  await fixture.assertQuiet();
});

Deno.test("a precheck measures what was prepared for an execution by its own limit of time", async () => {
  await using fixture = await Fixture.open();
  for (
    const [pvf, cpuTimeMs, error] of [[PVF1, PRECHECK_MS, undefined], [PVF2, PRECHECK_MS + 1, "timed-out"]] as const
  ) {
    const execution = fixture.execute(pvf);
    const joined = fixture.precheck(pvf);
    await fixture.conclude(SUCCESS, cpuTimeMs);
    assertEquals(await execution, VALID);
    assertEquals([errorOf(await joined), errorOf(await fixture.precheck(pvf))], [error, error]);
    assertEquals(await fixture.execute(pvf), VALID);
  }
  await fixture.assertQuiet();
});

Deno.test("an artifact whose file is gone is prepared anew for an execution", async () => {
  await using fixture = await Fixture.open();
  await Deno.remove(await fixture.files.prepare(PVF1.artifactId, new Uint8Array(8)));
  const executions = [fixture.execute(PVF1, "dispute"), fixture.execute(PVF1, "approval")];
  assertEquals((await fixture.conclude(SUCCESS)).priority, "critical");
  assertEquals(await Promise.all(executions), [VALID, VALID]);
});

Deno.test("an artifact that turns out to be bad goes before the caller is told, and its successor stays", async () => {
  await using fixture = await Fixture.open();
  const { registry } = fixture.files;
  const bad: ExecuteOutcome = { kind: "possibly-invalid", reason: "corrupted-artifact", message: "", log: [] };
  const slow = Promise.withResolvers<ExecuteOutcome>();
  const path = await fixture.files.prepare(PVF1.artifactId, new Uint8Array(8));
  fixture.outcome = slow.promise;
  const second = fixture.execute(PVF1);
  await until(() => fixture.executed.length === 1);
  fixture.outcome = bad;
  assertEquals(await fixture.execute(PVF1), bad);
  assertEquals(registry.get(PVF1.artifactId), undefined);
  await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  fixture.outcome = VALID;
  const third = fixture.execute(PVF1);
  const request = await fixture.taken();
  slow.resolve(bad);
  assertEquals(await second, bad);
  assertEquals(registry.get(PVF1.artifactId)?.state, "preparing", "the one who came late changes nothing");
  fixture.requests.push(request);
  await fixture.conclude(SUCCESS);
  assertEquals(await third, VALID);
  assertEquals(registry.get(PVF1.artifactId)?.state, "prepared");
});

Deno.test("a bad artifact's late discoverer leaves what was prepared in its place", async () => {
  await using fixture = await Fixture.open();
  const { registry } = fixture.files;
  const slow = Promise.withResolvers<ExecuteOutcome>();
  await fixture.files.prepare(PVF1.artifactId, new Uint8Array(8));
  fixture.outcome = slow.promise;
  const late = fixture.execute(PVF1);
  await until(() => fixture.executed.length === 1);
  await registry.remove(PVF1.artifactId);
  const path = await fixture.files.prepare(PVF1.artifactId, new Uint8Array(9));
  slow.resolve({ kind: "possibly-invalid", reason: "runtime-construction", message: "", log: [] });
  await late;
  const state = registry.get(PVF1.artifactId);
  assertEquals(state?.state === "prepared" && state.path, path);
});

Deno.test("a backing job that comes too late ends while it waits for an artifact, and others on that block do not", async () => {
  await using fixture = await Fixture.open();
  fixture.leaves.update({ activated: { hash: "0x02", ancestors: ["0x01"] } });
  const late = fixture.execute(PVF1, "backing", { relayParent: "0x01" });
  const live = fixture.execute(PVF1, "backing-system-paras", { relayParent: "0x02" });
  const approval = fixture.execute(PVF1, "approval", { relayParent: "0x01" });
  fixture.leaves.update({ activated: { hash: "0x03", ancestors: ["0x02"] }, deactivated: ["0x02"] });
  fixture.executions.expire();
  assertEquals(inShort(await late), "execution-deadline: relay-parent-not-active");
  await fixture.conclude(SUCCESS);
  assertEquals(await Promise.all([live, approval]), [VALID, VALID]);
  assertEquals(fixture.executed.toSorted(), ["approval", "backing-system-paras"]);
});
