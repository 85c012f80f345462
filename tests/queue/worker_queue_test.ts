import { assertEquals, assertRejects } from "@std/assert";
import { type Job, type JobEnd, JobQueue, type JobQueueOptions } from "../../src/queue/job_queue.ts";
import type { IdleWorker } from "../../src/worker_process/idle_worker.ts";

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

/** A queue whose workers are made up; what happens is in `log`. */
class Fixture {
  readonly log: string[] = [];
  readonly queue: JobQueue;
  #spawned = 0;

  constructor(options: Partial<JobQueueOptions> = {}) {
    this.queue = new JobQueue({
      maxWorkers: 1,
      maxJobsPerWorker: Infinity,
      ...options,
    });
  }

  /** A job that ends when `gate` does. */
  job(name: string, boundTo?: string, gate: Promise<unknown> = Promise.resolve(), end?: JobEnd<string>): Job<string> {
    return {
      boundTo,
      spawn: () => {
        const worker = new FakeWorker(this.log, `w${++this.#spawned}`, boundTo);
        this.log.push(`spawn ${worker.name}`);
        return Promise.resolve(worker.idle);
      },
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

Deno.test("submit() runs jobs in their order, on one worker where that will do", async () => {
  const { queue, log, ...fixture } = withFixture();
  const results = await Promise.all(["a", "b", "c"].map((name) => queue.submit(fixture.job(name))));
  assertEquals(results, ["a", "b", "c"]);
  assertEquals(log, ["spawn w1", "a on w1", "b on w1", "c on w1"]);
  await queue.close(new Error("closed"));
  assertEquals(log.at(-1), "retire w1");
});

function withFixture(options: Partial<JobQueueOptions> = {}): Pick<Fixture, "queue" | "log" | "job"> {
  const fixture = new Fixture(options);
  return { queue: fixture.queue, log: fixture.log, job: (...args) => fixture.job(...args) };
}

Deno.test("submit() prefers the worker that is bound to what the job needs", async () => {
  const { queue, log, job } = withFixture({ maxWorkers: 2 });
  await queue.submit(job("a", "x"));
  await queue.submit(job("b", "y"));
  await queue.submit(job("c", "x"));
  await queue.submit(job("d", "y"));
  assertEquals(log, ["spawn w1", "a on w1", "spawn w2", "b on w2", "c on w1", "d on w2"]);
});

Deno.test("submit() retires the idle worker that was used least recently where a fresh one is needed", async () => {
  const { queue, log, job } = withFixture({ maxWorkers: 2 });
  await queue.submit(job("a", "x"));
  await queue.submit(job("b", "y"));
  await queue.submit(job("c", "x"));
  await queue.submit(job("d", "z"));
  assertEquals(log.slice(-3), ["retire w2", "spawn w3", "d on w3"]);
});

Deno.test("submit() gives a worker no more jobs than it may have", async () => {
  const { queue, log, job } = withFixture({ maxJobsPerWorker: 2 });
  for (const name of ["a", "b", "c"]) await queue.submit(job(name));
  assertEquals(log, ["spawn w1", "a on w1", "b on w1", "retire w1", "spawn w2", "c on w2"]);
});

Deno.test("submit() hands a job that a worker does not take to another, and gives up after three", async () => {
  const { queue, log, job } = withFixture();
  const result = await queue.submit(job("a", undefined, undefined, { kind: "unreachable", message: "gone" }));
  assertEquals(result, "a: gone (attempt 3 of 3)");
  assertEquals(log, ["spawn w1", "a on w1", "spawn w2", "a on w2", "spawn w3", "a on w3"]);
});

Deno.test("submit() rejects when no worker can be started, and the next job runs", async () => {
  const { queue, job } = withFixture();
  const broken = { ...job("a"), spawn: () => Promise.reject(new Error("no worker")) };
  await assertRejects(() => queue.submit(broken), Error, "no worker");
  assertEquals(await queue.submit(job("b")), "b");
});

Deno.test("an abort takes a waiting job out of the queue, and ends a running one", async () => {
  const { queue, log, job } = withFixture();
  const gate = Promise.withResolvers<void>();
  const running = new AbortController();
  const waiting = new AbortController();
  const first = queue.submit(job("a", undefined, gate.promise), running.signal);
  const second = queue.submit(job("b"), waiting.signal);
  const third = queue.submit(job("c"));
  waiting.abort(new Error("not wanted"));
  await assertRejects(() => second, Error, "not wanted");
  running.abort(new Error("stopped"));
  await assertRejects(() => first, Error, "stopped");
  assertEquals(await third, "c");
  assertEquals(log.filter((entry) => entry.startsWith("b")), []);
  await assertRejects(() => queue.submit(job("d"), running.signal), Error, "stopped");
});

Deno.test("an idle worker that dies is retired and not given a job", async () => {
  const { queue, log, job } = withFixture();
  let worker: FakeWorker | undefined;
  const first = job("a");
  await queue.submit({
    ...first,
    run: (idle, signal) => {
      worker = idle as unknown as FakeWorker;
      return first.run(idle, signal);
    },
  });
  worker?.onExit();
  await queue.submit(job("b"));
  assertEquals(log, ["spawn w1", "a on w1", "retire w1", "spawn w2", "b on w2"]);
});

Deno.test("close() rejects what waits and what runs, and retires every worker", async () => {
  const { queue, log, job } = withFixture();
  await queue.submit(job("z"));
  const never = new Promise(() => {});
  const calls = [queue.submit(job("a", undefined, never)), queue.submit(job("b"))];
  const settled = Promise.allSettled(calls);
  await queue.close(new Error("closed"));
  assertEquals((await settled).map((call) => call.status), ["rejected", "rejected"]);
  await assertRejects(() => queue.submit(job("c")), Error, "closed");
  assertEquals(log, ["spawn w1", "z on w1", "a on w1"], "the worker of a running job is its job's to end");
});
