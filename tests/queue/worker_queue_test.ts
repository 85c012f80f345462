import { assertEquals, assertRejects } from "@std/assert";
import { type PrepareEntry, PrepareSchedule } from "../../src/queue/prepare_schedule.ts";
import {
  type Job,
  type JobEnd,
  type Waiting,
  WorkerQueue,
  type WorkerQueueOptions,
} from "../../src/queue/worker_queue.ts";
import type { IdleWorker } from "../../src/worker_process/idle_worker.ts";
import { SpawnError } from "../../src/worker_process/spawn.ts";

/** A worker without a process. */
class FakeWorker {
  jobs = 0;
  onExit = (): void => {};
  constructor(readonly log: string[], readonly name: string, readonly boundTo: string | undefined) {}
  retire(): Promise<void> {
    this.log.push(`retire ${this.name}`);
    return Promise.resolve();
  }
  get idle(): IdleWorker {
    return this as unknown as IdleWorker;
  }
}

type Options = Partial<WorkerQueueOptions<PrepareEntry>> & { softCapacity?: number };

/** A queue whose workers are made up; what happens is in `log`. */
class Fixture {
  readonly log: string[] = [];
  /** Every worker that was made. */
  readonly workers: FakeWorker[] = [];
  /** Why workers went, in their order. */
  readonly retired: string[] = [];
  readonly queue: WorkerQueue<PrepareEntry>;
  readonly schedule: PrepareSchedule<PrepareEntry & Waiting>;
  /** Timers that have not fired, with what they wait for. */
  readonly timers: { ms: number; fire: () => void }[] = [];
  /** What the next spawns do instead of giving a worker. */
  readonly spawnFailures: Error[] = [];
  #spawned = 0;

  constructor(options: Options = {}) {
    const { maxWorkers = 1, softCapacity = maxWorkers } = options;
    this.schedule = new PrepareSchedule({ softCapacity, hardCapacity: maxWorkers });
    this.queue = new WorkerQueue<PrepareEntry>({
      schedule: this.schedule,
      maxWorkers,
      keepWorkers: softCapacity,
      spareWorkers: 0,
      maxJobsPerWorker: Infinity,
      idleTimeoutMs: 1_000,
      spawnAttempts: 3,
      spawnRetryDelayMs: 10,
      spareRetryDelayMs: 10,
      spawnSpare: () => this.#spawn(undefined),
      onWarning: (message) => this.log.push(message),
      onRetired: (reason) => this.retired.push(reason),
      now: () => 0,
      timer: (ms, fire) => {
        const entry = { ms, fire };
        this.timers.push(entry);
        return () => void this.timers.splice(this.timers.indexOf(entry), 1);
      },
      ...options,
    });
  }

  submit(job: Job<string>, signal?: AbortSignal, priority: "normal" | "critical" = "normal"): Promise<string> {
    try {
      return this.queue.submit({ priority }, job, { signal }).result;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #spawn(boundTo: string | undefined): Promise<IdleWorker> {
    const failure = this.spawnFailures.shift();
    if (failure) return Promise.reject(failure);
    const worker = new FakeWorker(this.log, `w${++this.#spawned}`, boundTo);
    this.log.push(`spawn ${worker.name}`);
    this.workers.push(worker);
    return Promise.resolve(worker.idle);
  }

  /** A job that ends when `gate` does. */
  job(name: string, boundTo?: string, gate: Promise<unknown> = Promise.resolve(), end?: JobEnd<string>): Job<string> {
    return {
      boundTo,
      fits: () => true,
      spawn: () => this.#spawn(boundTo),
      run: async (idle, signal) => {
        const worker = idle as unknown as FakeWorker;
        worker.jobs++;
        this.log.push(`${name} on ${worker.name}`);
        const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        await Promise.race([gate, aborted]);
        return end ?? { kind: "done", value: name, worker: idle };
      },
      unreachable: (message) => `${name}: ${message}`,
    };
  }
}

/** Lets everything happen that waits for nothing else. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function withFixture(options: Options = {}) {
  const fixture = new Fixture(options);
  const job: Fixture["job"] = (...args) => fixture.job(...args);
  const submit: Fixture["submit"] = (...args) => fixture.submit(...args);
  const { queue, log, timers, schedule, spawnFailures, retired, workers } = fixture;
  return { queue, log, timers, schedule, spawnFailures, retired, workers, job, submit };
}

Deno.test("submit() runs jobs in their order, on one worker where that will do", async () => {
  const { queue, log, job, submit } = withFixture();
  const results = await Promise.all(["a", "b", "c"].map((name) => submit(job(name))));
  assertEquals(results, ["a", "b", "c"]);
  assertEquals(log, ["spawn w1", "a on w1", "b on w1", "c on w1"]);
  await queue.close(new Error("closed"));
  assertEquals(log.at(-1), "retire w1");
});

Deno.test("submit() prefers the worker that is bound to what the job needs", async () => {
  const { submit, log, job } = withFixture({ maxWorkers: 2 });
  await submit(job("a", "x"));
  await submit(job("b", "y"));
  await submit(job("c", "x"));
  await submit(job("d", "y"));
  assertEquals(log, ["spawn w1", "a on w1", "spawn w2", "b on w2", "c on w1", "d on w2"]);
});

Deno.test("submit() retires the idle worker that was used least recently where a fresh one is needed", async () => {
  const { submit, log, job } = withFixture({ maxWorkers: 2 });
  await submit(job("a", "x"));
  await submit(job("b", "y"));
  await submit(job("c", "x"));
  await submit(job("d", "z"));
  assertEquals(log.slice(-3), ["retire w2", "spawn w3", "d on w3"]);
});

Deno.test("submit() gives a worker no more jobs than it may have", async () => {
  const { submit, log, job } = withFixture({ maxJobsPerWorker: 2 });
  for (const name of ["a", "b", "c"]) await submit(job(name));
  assertEquals(log, ["spawn w1", "a on w1", "b on w1", "retire w1", "spawn w2", "c on w2"]);
});

Deno.test("rip_for_start_work: submit() hands a job that a worker does not take to another, and gives up after three", async () => {
  const { submit, log, job } = withFixture();
  const result = await submit(job("a", undefined, undefined, { kind: "unreachable", message: "gone" }));
  assertEquals(result, "a: gone (attempt 3 of 3)");
  assertEquals(log, ["spawn w1", "a on w1", "spawn w2", "a on w2", "spawn w3", "a on w3"]);
});

Deno.test("submit() rejects when no worker can be started, and the next job runs", async () => {
  const { submit, job } = withFixture();
  const broken = { ...job("a"), spawn: () => Promise.reject(new Error("no worker")) };
  await assertRejects(() => submit(broken), Error, "no worker");
  assertEquals(await submit(job("b")), "b");
});

Deno.test("an abort takes a waiting job out of the queue, and ends a running one", async () => {
  const { submit, log, job } = withFixture();
  const gate = Promise.withResolvers<void>();
  const running = new AbortController();
  const waiting = new AbortController();
  const first = submit(job("a", undefined, gate.promise), running.signal);
  const second = submit(job("b"), waiting.signal);
  const third = submit(job("c"));
  waiting.abort(new Error("not wanted"));
  await assertRejects(() => second, Error, "not wanted");
  running.abort(new Error("stopped"));
  await assertRejects(() => first, Error, "stopped");
  assertEquals(await third, "c");
  assertEquals(log.filter((entry) => entry.startsWith("b")), []);
  await assertRejects(() => submit(job("d"), running.signal), Error, "stopped");
});

Deno.test("an idle worker that dies is retired and not given a job", async () => {
  const { submit, log, job } = withFixture();
  let worker: FakeWorker | undefined;
  const first = job("a");
  await submit({
    ...first,
    run: (idle, signal) => {
      worker = idle as unknown as FakeWorker;
      return first.run(idle, signal);
    },
  });
  worker?.onExit();
  await submit(job("b"));
  assertEquals(log, ["spawn w1", "a on w1", "retire w1", "spawn w2", "b on w2"]);
});

Deno.test("close() rejects what waits and what runs, and retires every worker", async () => {
  const { queue, submit, log, job } = withFixture();
  await submit(job("z"));
  const never = new Promise(() => {});
  const calls = [submit(job("a", undefined, never)), submit(job("b"))];
  const settled = Promise.allSettled(calls);
  await queue.close(new Error("closed"));
  assertEquals((await settled).map((call) => call.status), ["rejected", "rejected"]);
  await assertRejects(() => submit(job("c")), Error, "closed");
  assertEquals(log, ["spawn w1", "z on w1", "retire w1"]);
});

const SPAWN_FAILURE = new SpawnError("no worker");

Deno.test("starting a worker is tried again after pauses, and then the job fails", async () => {
  const { submit, job, timers, spawnFailures, log } = withFixture();
  spawnFailures.push(SPAWN_FAILURE, SPAWN_FAILURE);
  const first = submit(job("a", "x"));
  await settle();
  assertEquals(timers.map(({ ms }) => ms), [10]);
  timers[0]?.fire();
  await settle();
  assertEquals(timers.map(({ ms }) => ms), [40]);
  timers[0]?.fire();
  assertEquals(await first, "a");
  spawnFailures.push(SPAWN_FAILURE, SPAWN_FAILURE, SPAWN_FAILURE);
  const other = assertRejects(() => submit(job("b", "bound")), SpawnError, "no worker");
  for (let pause = 0; pause < 2; pause++) {
    await settle();
    timers[0]?.fire();
  }
  await other;
  assertEquals(log, ["spawn w1", "a on w1", "retire w1"]);
});

Deno.test("a job whose worker does not start takes one that became free meanwhile", async () => {
  const { submit, job, timers, spawnFailures, log } = withFixture({ maxWorkers: 2 });
  const gate = Promise.withResolvers<void>();
  const first = submit(job("a", "x", gate.promise));
  await settle();
  spawnFailures.push(SPAWN_FAILURE);
  const second = submit(job("b", "x"));
  await settle();
  gate.resolve();
  assertEquals(await first, "a");
  timers.find(({ ms }) => ms === 10)?.fire();
  assertEquals(await second, "b");
  assertEquals(log, ["spawn w1", "a on w1", "b on w1"]);
});

Deno.test("an idle worker is retired after a time, and one that is used again is not", async () => {
  const { submit, job, timers, log } = withFixture();
  await submit(job("a"));
  assertEquals(timers.length, 1);
  await submit(job("b"));
  assertEquals(timers.length, 1, "the first timer was stopped");
  timers[0]?.fire();
  await settle();
  assertEquals(log, ["spawn w1", "a on w1", "b on w1", "retire w1"]);
});

Deno.test("a spare worker is kept ready, is used first, and is replaced", async () => {
  const { queue, submit, job, log, timers } = withFixture({ maxWorkers: 2, spareWorkers: 1 });
  queue.pump();
  await settle();
  assertEquals(log, ["spawn w1"]);
  assertEquals(timers.length, 0, "a spare one may be idle for ever");
  await submit(job("a", "x"));
  await settle();
  assertEquals(log, ["spawn w1", "spawn w2", "a on w1"]);
  await queue.close(new Error("closed"));
  assertEquals(queue.counts, { idle: 0, busy: 0, starting: 0, waiting: 0 });
});

Deno.test("a spare worker that does not start leaves its place to the job that waits", async () => {
  const { queue, submit, job, log, spawnFailures } = withFixture({ spareWorkers: 1 });
  spawnFailures.push(SPAWN_FAILURE);
  queue.pump();
  assertEquals(await submit(job("a")), "a");
  assertEquals(log, ["Cannot keep a worker ready", "spawn w1", "a on w1"]);
});

Deno.test("dont_spawn_over_soft_limit_unless_critical, cull_unwanted: a worker over the soft limit is for critical jobs only", async () => {
  const { submit, job, log } = withFixture({ maxWorkers: 2, softCapacity: 1 });
  const gate = Promise.withResolvers<void>();
  const first = submit(job("a", undefined, gate.promise));
  const second = submit(job("b"));
  await settle();
  assertEquals(log, ["spawn w1", "a on w1"], "a second normal job waits");
  await submit(job("c"), undefined, "critical");
  assertEquals(log, ["spawn w1", "a on w1", "spawn w2", "c on w2", "retire w2"]);
  gate.resolve();
  await Promise.all([first, second]);
  assertEquals(log.slice(5), ["b on w1"]);
});

Deno.test("a job that is raised runs where a normal one had to wait", async () => {
  const { queue, schedule, job, submit, log } = withFixture({ maxWorkers: 2, softCapacity: 1 });
  const gate = Promise.withResolvers<void>();
  const first = submit(job("a", undefined, gate.promise));
  const { result, entry } = queue.submit<string>({ priority: "normal" }, job("b"));
  await settle();
  if (schedule.raise(entry)) queue.pump();
  assertEquals(await result, "b");
  gate.resolve();
  await first;
  assertEquals(log.slice(0, 4), ["spawn w1", "a on w1", "spawn w2", "b on w2"]);
});

Deno.test("worker_mass_die_out_doesnt_stall_queue: jobs go on when every worker dies", async () => {
  const { submit, job, log } = withFixture({ maxWorkers: 2 });
  const dead: JobEnd<string> = { kind: "done", value: "dead" };
  const results = ["a", "b", "c", "d"].map((name) => submit(job(name, undefined, undefined, dead)));
  assertEquals(await Promise.all(results), ["dead", "dead", "dead", "dead"]);
  assertEquals(log.filter((entry) => entry.startsWith("spawn")).length, 4);
});

Deno.test("doesnt_resurrect_ripped_worker_if_no_work: a worker that dies with the last job is not replaced", async () => {
  const { submit, job, log, queue } = withFixture();
  await submit(job("a", undefined, undefined, { kind: "done", value: "dead" }));
  await settle();
  assertEquals(log, ["spawn w1", "a on w1"]);
  assertEquals(queue.counts, { idle: 0, busy: 0, starting: 0, waiting: 0 });
});

Deno.test("an expiry takes a waiting job out of the queue, and leaves a running one alone", async () => {
  const { queue, job } = withFixture();
  const gate = Promise.withResolvers<void>();
  const expiry = new AbortController();
  const running =
    queue.submit({ priority: "normal" }, job("a", undefined, gate.promise), { expiry: expiry.signal }).result;
  const waiting = queue.submit({ priority: "normal" }, job("b"), { expiry: expiry.signal }).result;
  await settle();
  expiry.abort(new Error("too late"));
  await assertRejects(() => waiting, Error, "too late");
  gate.resolve();
  assertEquals(await running, "a");
});

Deno.test("a worker that ends between its answer and its release is retired once", async () => {
  const { queue, submit, job, retired, log } = withFixture({ maxWorkers: 2, softCapacity: 1 });
  const dying = job("a");
  await submit({
    ...dying,
    run: async (idle, signal) => {
      const end = await dying.run(idle, signal);
      Object.defineProperty(idle, "onExit", { set: (onExit: () => void) => onExit() });
      return end;
    },
  });
  await queue.close(new Error("closed"));
  assertEquals([retired, log], [["died"], ["spawn w1", "a on w1", "retire w1"]]);
});

Deno.test("a spare worker that dies unused is replaced, each time after a longer pause, until a job is done", async () => {
  const { queue, submit, job, timers, workers } = withFixture({ maxWorkers: 2, spareWorkers: 1 });
  queue.pump();
  for (const pause of [10, 40, 160]) {
    await settle();
    workers.at(-1)?.onExit();
    assertEquals(timers.map(({ ms }) => ms), [pause]);
    timers[0]?.fire();
    timers.splice(0);
  }
  await settle();
  await submit(job("a", "x"));
  await settle();
  workers.at(-1)?.onExit();
  assertEquals(timers.map(({ ms }) => ms), [1_000, 10]);
  await queue.close(new Error("closed"));
  assertEquals(timers, [], "no timer is left");
});

Deno.test("a bound worker that goes leaves room for a spare one", async () => {
  const { submit, job, timers, log } = withFixture({ maxWorkers: 1, spareWorkers: 1 });
  await submit(job("a", "x"));
  await settle();
  timers[0]?.fire();
  await settle();
  assertEquals(log.slice(-2), ["retire w1", "spawn w2"]);
});
