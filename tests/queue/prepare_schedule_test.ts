import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { type PreparePriority, PrepareSchedule } from "../../src/queue/prepare_schedule.ts";
import type { Moment } from "../../src/queue/schedule.ts";

interface Entry {
  readonly name: string;
  priority: PreparePriority;
}

function normal(name: string): Entry {
  return { name, priority: "normal" };
}

function critical(name: string): Entry {
  return { name, priority: "critical" };
}

/** With this much capacity, and these waiting. */
function withSchedule(softCapacity: number, hardCapacity: number, ...waiting: Entry[]): PrepareSchedule<Entry> {
  const schedule = new PrepareSchedule<Entry>({ softCapacity, hardCapacity });
  for (const entry of waiting) schedule.add(entry);
  return schedule;
}

/** As many workers as there are, and how many of them are idle. */
function moment(workers: number, idle = 0): Moment {
  return { now: 0, workers, idle, freed: undefined };
}

/** The names of what is taken one after the other by an idle worker. */
function taken(schedule: PrepareSchedule<Entry>): string {
  const names = Array.from({ length: schedule.length }, () => schedule.take(moment(1, 1))?.name);
  assertEquals(schedule.take(moment(1, 1)), undefined);
  return names.join(" ");
}

// The pure parts of section 9.8, by the names of upstream's tests. Ending a worker (cull_unwanted) and starting one are the queue's.

Deno.test("properly_concludes: take() gives what was added, once", () => {
  const entry = normal("job");
  const schedule = withSchedule(1, 1, entry);
  assertEquals(schedule.take(moment(0)), entry);
  assertEquals([schedule.length, schedule.take(moment(1, 1))], [0, undefined]);
});

Deno.test("dont_spawn_over_soft_limit_unless_critical: take() gives a normal job below soft, a critical one below hard", () => {
  const schedule = withSchedule(2, 3, normal("1"), normal("2"), normal("3"));
  assertEquals([schedule.take(moment(0))?.name, schedule.take(moment(1))?.name], ["1", "2"]);
  assertEquals(schedule.take(moment(2)), undefined);
  assertEquals(schedule.take(moment(2, 1))?.name, "3");
  schedule.add(normal("4"));
  schedule.add(critical("urgent"));
  assertEquals(schedule.take(moment(2))?.name, "urgent");
  assertEquals(schedule.take(moment(3)), undefined);
});

Deno.test("cull_unwanted: take() gives nothing to a worker above soft that is gone, and a critical job up to hard", () => {
  const schedule = withSchedule(1, 2, normal("1"));
  assertEquals(schedule.take(moment(0))?.name, "1");
  schedule.add(normal("2"));
  schedule.add(critical("urgent"));
  assertEquals(schedule.take(moment(1))?.name, "urgent");
  assertEquals([schedule.take(moment(2)), schedule.take(moment(1))], [undefined, undefined]);
  assertEquals(schedule.take(moment(0))?.name, "2");
});

Deno.test("worker_mass_die_out_doesnt_stall_queue: take() gives the next job once a dead worker leaves room", () => {
  const schedule = withSchedule(2, 2, normal("1"), normal("2"), normal("3"));
  assertEquals([schedule.take(moment(0))?.name, schedule.take(moment(1))?.name], ["1", "2"]);
  assertEquals(schedule.take(moment(2)), undefined);
  assertEquals(schedule.take(moment(1))?.name, "3");
});

Deno.test("doesnt_resurrect_ripped_worker_if_no_work: take() gives nothing when nothing waits", () => {
  const schedule = withSchedule(2, 2, normal("1"));
  schedule.take(moment(0));
  assertEquals(schedule.take(moment(0)), undefined);
});

Deno.test("PrepareSchedule.take() gives critical jobs first, each kind in its order", () => {
  const schedule = withSchedule(1, 1, normal("n1"), critical("c1"), normal("n2"), critical("c2"));
  assertEquals(Array.from(schedule, ({ name }) => name), ["c1", "c2", "n1", "n2"]);
  assertEquals(taken(schedule), "c1 c2 n1 n2");
});

Deno.test("PrepareSchedule.raise() moves a waiting job to the end of the critical ones", () => {
  const [first, second] = [normal("n1"), normal("n2")];
  const schedule = withSchedule(1, 1, first, second, critical("c1"));
  assertEquals([schedule.raise(second), second.priority], [true, "critical"]);
  schedule.add(critical("c2"));
  assertEquals(schedule.raise(second), false);
  assertEquals(taken(schedule), "c1 n2 c2 n1");
});

Deno.test("PrepareSchedule.raise() lets a job have a worker above soft", () => {
  const entry = normal("1");
  const schedule = withSchedule(1, 2, entry);
  assertEquals(schedule.take(moment(1)), undefined);
  schedule.raise(entry);
  assertEquals(schedule.take(moment(1)), entry);
});

Deno.test("PrepareSchedule.raise() makes a running job critical, and does not queue it", () => {
  const entry = normal("1");
  const schedule = withSchedule(1, 1, entry, normal("2"), critical("c"));
  schedule.remove(entry);
  assertEquals([schedule.raise(entry), entry.priority, schedule.length], [false, "critical", 2]);
  assertEquals(taken(schedule), "c 2");
});

Deno.test("PrepareSchedule.remove() takes out a job of either lane, once", () => {
  const [first, second] = [normal("n"), critical("c")];
  const schedule = withSchedule(1, 1, first, second);
  assertEquals([first, second, first, second].map((entry) => schedule.remove(entry)), [true, true, false, false]);
  assertEquals(schedule.length, 0);
});

Deno.test("PrepareSchedule refuses a soft capacity above the hard one", () => {
  assertThrows(() => withSchedule(3, 2), RangeError, "Cannot use softCapacity 3: at most hardCapacity 2 wanted");
});

/** What should wait. */
class Model {
  made = 0;
  critical: Entry[] = [];
  normal: Entry[] = [];
  running: Entry[] = [];

  get waiting(): Entry[] {
    return [...this.critical, ...this.normal];
  }

  /** Says whether it waited. */
  remove(entry: Entry | undefined): boolean {
    const { length } = this.waiting;
    this.critical = this.critical.filter((each) => each !== entry);
    this.normal = this.normal.filter((each) => each !== entry);
    return this.waiting.length < length;
  }
}

type Real = PrepareSchedule<Entry>;

/** A step that is tried on both; afterwards both must hold the same. */
class Step implements fc.Command<Model, Real> {
  constructor(readonly what: string, readonly act: (model: Model, real: Real) => void) {}

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    this.act(model, real);
    assertEquals(real.length, model.waiting.length);
    assertEquals([...real], model.waiting);
  }

  toString(): string {
    return this.what;
  }
}

function addStep(priority: PreparePriority): Step {
  return new Step(`add ${priority}`, (model, real) => {
    const entry = { name: `${model.made++}`, priority };
    real.add(entry);
    model[priority].push(entry);
  });
}

function takeStep(workers: number, idle: number): Step {
  return new Step(`take ${workers} ${idle}`, (model, real) => {
    const [next] = model.waiting;
    const isThere = next && (idle > 0 || workers < { normal: 2, critical: 3 }[next.priority]);
    assertEquals(real.take(moment(workers, idle)), isThere ? next : undefined);
    if (!isThere) return;
    model.remove(next);
    model.running.push(next);
  });
}

function removeStep(index: number): Step {
  return new Step(`remove ${index}`, (model, real) => {
    const entry = [...model.waiting, ...model.running][index] ?? normal("stranger");
    assertEquals(real.remove(entry), model.remove(entry));
  });
}

function raiseStep(index: number): Step {
  return new Step(`raise ${index}`, (model, real) => {
    const entry = [...model.waiting, ...model.running][index];
    if (!entry) return;
    const isMoved = model.normal.includes(entry);
    assertEquals([real.raise(entry), entry.priority], [isMoved, "critical"]);
    if (!isMoved) return;
    model.remove(entry);
    model.critical.push(entry);
  });
}

Deno.test("PrepareSchedule loses nothing and doubles nothing, whatever is done", () => {
  const anySteps = fc.commands([
    fc.constantFrom("normal" as const, "critical" as const).map(addStep),
    fc.tuple(fc.nat(4), fc.nat(1)).map((given) => takeStep(...given)),
    fc.nat(12).map(removeStep),
    fc.nat(12).map(raiseStep),
  ], { maxCommands: 120 });
  fc.assert(
    fc.property(anySteps, (steps) => {
      fc.modelRun(() => ({ model: new Model(), real: withSchedule(2, 3) }), steps);
    }),
    { numRuns: 200 },
  );
});
