import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { ExecuteSchedule, type ExecuteScheduleOptions } from "../../src/queue/execute_schedule.ts";
import { EXECUTION_CLASSES, type ExecutionClass, FAIRNESS_WINDOW } from "../../src/queue/fairness.ts";
import { type Moment, QueueFullError } from "../../src/queue/schedule.ts";
import { BACKING, backingKinds, classOf, letters, promises, type Turn } from "./turns.ts";

interface Entry {
  readonly name: string;
  readonly executionClass: ExecutionClass;
  readonly boundTo: string;
  readonly enqueuedAt: number;
}

function entry(name: string, more: Partial<Entry> = {}): Entry {
  return { name, executionClass: "approval", boundTo: "x", enqueuedAt: 0, ...more };
}

function withSchedule(options: Partial<ExecuteScheduleOptions> = {}): ExecuteSchedule<Entry> {
  return new ExecuteSchedule<Entry>({ maxWorkers: 2, ...options });
}

/** A moment at which a job may be had, unless it is said otherwise. */
function moment(more: Partial<Moment> = {}): Moment {
  return { now: 0, workers: 1, idle: 1, freed: undefined, ...more };
}

/** Twelve jobs of each of these classes wait; whose are taken for one window. */
function window(pending: (keyof typeof classOf)[], options: Partial<ExecuteScheduleOptions> = {}): string {
  const schedule = withSchedule(options);
  for (const letter of pending) {
    for (let n = 0; n < FAIRNESS_WINDOW; n++) schedule.add(entry(`${letter}${n}`, { executionClass: classOf[letter] }));
  }
  return Array.from({ length: FAIRNESS_WINDOW }, () => schedule.take(moment())?.name[0]).join("");
}

/** How many turns went to D, A, S and B. */
function shares(turns: string): string {
  return [..."DASB"].map((letter) => turns.split(letter).length - 1).join("/");
}

function names(entries: Iterable<Entry>): string {
  return Array.from(entries, ({ name }) => name).join(" ");
}

// Section 9.9, by the names of upstream's tests.

Deno.test("test_unscheduled_add: ExecuteSchedule keeps what is added, class by class, in its order", () => {
  const schedule = withSchedule();
  for (const n of [1, 2]) {
    for (const each of EXECUTION_CLASSES.toReversed()) {
      schedule.add(entry(`${letters([each])}${n}`, { executionClass: each }));
    }
  }
  assertEquals(schedule.length, 8);
  assertEquals(names(schedule), "D1 D2 A1 A2 S1 S2 B1 B2");
  const taken = Array.from({ length: 9 }, () => schedule.take(moment())?.name);
  assertEquals(taken, ["D1", "A1", "D2", "S1", "A2", "B1", "S2", "B2", undefined]);
});

Deno.test("test_unscheduled_priority_distribution: a window goes 8/3/1/0 to D, A, S and B", () => {
  const turns = window(["D", "A", "S", "B"]);
  assertEquals(turns, "DADDSDDADDAD");
  assertEquals(shares(turns), "8/3/1/0");
});

Deno.test("test_unscheduled_priority_distribution_without_backing_system_paras: a window goes 8/3/1 to D, A and B", () => {
  assertEquals(shares(window(["D", "A", "B"])), "8/3/0/1");
});

Deno.test("test_unscheduled_priority_distribution_without_disputes: a window goes 9/2/1 to A, S and B", () => {
  assertEquals(shares(window(["A", "S", "B"])), "0/9/2/1");
});

Deno.test("test_unscheduled_priority_distribution_without_disputes_and_only_one_backing: a window goes 11/1 to A and B", () => {
  const schedule = withSchedule();
  schedule.add(entry("B", { executionClass: "backing" }));
  for (let n = 0; n < FAIRNESS_WINDOW; n++) schedule.add(entry("A"));
  const turns = Array.from({ length: FAIRNESS_WINDOW }, () => schedule.take(moment())?.name).join("");
  assertEquals(turns, "ABAAAAAAAAAA");
  assertEquals(window(["A", "B"]), "ABAAAAAAAAAA");
});

Deno.test("does_not_postpone_backing: the first four taken of A and B are A, B, A, A", () => {
  assertEquals(window(["A", "B"]).slice(0, 4), "ABAA");
});

Deno.test("ExecuteSchedule.take() gives a job where a worker is idle or one more may start, and counts none otherwise", () => {
  const schedule = withSchedule({ maxWorkers: 2 });
  for (let n = 0; n < 3; n++) schedule.add(entry(`A${n}`));
  schedule.add(entry("B0", { executionClass: "backing" }));
  for (let n = 0; n < 20; n++) assertEquals(schedule.take(moment({ workers: 2, idle: 0 })), undefined);
  assertEquals(schedule.take(moment({ workers: 2, idle: 1, freed: "y" }))?.name, "A0");
  assertEquals(schedule.take(moment({ workers: 1, idle: 0 }))?.name, "B0");
  assertEquals(schedule.take(moment({ workers: 0, idle: 0 }))?.name, "A1");
});

Deno.test("ExecuteSchedule.take() prefers what the freed worker is bound to until the oldest has waited for the limit", () => {
  const waiting = [["x1", "x"], ["y1", "y"], ["x2", "x"], ["y2", "y"]] as const;
  const takenAt = (now: number, options: Partial<ExecuteScheduleOptions> = {}): string | undefined => {
    const schedule = withSchedule(options);
    for (const [name, boundTo] of waiting) schedule.add(entry(name, { boundTo }));
    return schedule.take(moment({ now, freed: "y" }))?.name;
  };
  assertEquals([takenAt(0), takenAt(3_999), takenAt(4_000)], ["y1", "y1", "x1"]);
  assertEquals([takenAt(9, { affinityLimitMs: 10 }), takenAt(10, { affinityLimitMs: 10 })], ["y1", "x1"]);
  assertEquals(takenAt(0, { affinityLimitMs: 0 }), "x1");
});

Deno.test("ExecuteSchedule.take() gives the oldest where nothing fits, and prefers nothing of another class", () => {
  const schedule = withSchedule();
  schedule.add(entry("A1"));
  schedule.add(entry("A2"));
  schedule.add(entry("B1", { executionClass: "backing", boundTo: "y" }));
  assertEquals(schedule.take(moment({ freed: "y" }))?.name, "A1");
  assertEquals(schedule.take(moment({ freed: undefined }))?.name, "B1");
});

Deno.test("ExecuteSchedule.add() refuses what is over the limit, and says that it may be tried again", () => {
  const schedule = withSchedule({ maxLength: 2 });
  const [first, second, third] = [entry("1"), entry("2", { executionClass: "dispute" }), entry("3")];
  schedule.add(first);
  schedule.add(second);
  const error = assertThrows(() => schedule.add(third), QueueFullError);
  assertEquals([error.length, error.limit, error.retryable, error.name], [2, 2, true, "QueueFullError"]);
  assertEquals(error.message, "Cannot queue a job: 2 wait, fewer than 2 wanted; it may be tried again later");
  assertEquals(names(schedule), "2 1");
  assert(schedule.remove(first));
  schedule.add(third);
  assertEquals(names(schedule), "2 3");
});

Deno.test("ExecuteSchedule.add() takes a thousand where no limit is given", () => {
  const schedule = withSchedule();
  for (let n = 0; n < 1_000; n++) schedule.add(entry(`${n}`));
  assertThrows(() => schedule.add(entry("one more")), QueueFullError, "1000 wait, fewer than 1000 wanted");
});

Deno.test("ExecuteSchedule.remove() takes out one entry, once", () => {
  const schedule = withSchedule();
  const [twin, other] = [entry("twin"), entry("twin")];
  schedule.add(twin);
  schedule.add(other);
  assertEquals([schedule.remove(other), schedule.remove(other)], [true, false]);
  assertEquals([schedule.length, schedule.take(moment()) === twin, schedule.remove(twin)], [1, true, false]);
});

// Whatever arrives.

type Arrivals = readonly ExecutionClass[];
const anyArrivals: fc.Arbitrary<Arrivals> = fc.array(fc.constantFrom(...EXECUTION_CLASSES), { maxLength: 4 });
const anyLoad = fc.record({
  atFirst: fc.array(fc.nat(40), { minLength: 4, maxLength: 4 }),
  later: fc.array(anyArrivals, { maxLength: 90 }),
});

/** The turns that are taken when some wait at first, and some arrive before each turn. */
function turns(schedule: ExecuteSchedule<Entry>, { atFirst, later }: { atFirst: number[]; later: Arrivals[] }): Turn[] {
  const first = EXECUTION_CLASSES.flatMap((each, n) => Array.from({ length: atFirst[n] ?? 0 }, () => each));
  return [first, ...later].flatMap((arrivals) => {
    for (const executionClass of arrivals) schedule.add(entry("any", { executionClass }));
    const pending = new Set(Array.from(schedule, ({ executionClass }) => executionClass));
    const turn = schedule.take(moment())?.executionClass;
    assertEquals(turn === undefined, pending.size === 0);
    return turn ? [{ pending, turn }] : [];
  });
}

for (const backingTurn of ["system-first", "alternating"] as const) {
  Deno.test(`ExecuteSchedule gives disputes, approvals and backing a turn in every window (${backingTurn})`, () => {
    fc.assert(fc.property(anyLoad, (load) => {
      promises(turns(withSchedule({ backingTurn }), load), FAIRNESS_WINDOW, [["dispute"], ["approval"], BACKING]);
    }));
  });
}

Deno.test("ExecuteSchedule gives each of the four a turn in every two windows when the turn for backing alternates", () => {
  fc.assert(fc.property(anyLoad, (load) => {
    const all = turns(withSchedule({ backingTurn: "alternating" }), load);
    for (const shift of [0, FAIRNESS_WINDOW]) promises(all.slice(shift), 2 * FAIRNESS_WINDOW, backingKinds);
  }));
});

// Against a model: a plain list of what waits, oldest first in each class.

const LIMITS = { maxWorkers: 2, affinityLimitMs: 50, maxLength: 12 };

/** What should wait. */
class Model {
  now = 0;
  made = 0;
  waiting: Entry[] = [];

  next(more: Partial<Entry>): Entry {
    return entry(`${this.made++}`, { enqueuedAt: this.now, ...more });
  }

  lane(executionClass: ExecutionClass): Entry[] {
    return this.waiting.filter((each) => each.executionClass === executionClass);
  }
}

type Real = ExecuteSchedule<Entry>;

/** A step that is tried on both; afterwards both must hold the same. */
class Step implements fc.Command<Model, Real> {
  constructor(readonly what: string, readonly act: (model: Model, real: Real) => void) {}

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    this.act(model, real);
    assertEquals(real.length, model.waiting.length);
    assertEquals([...real], EXECUTION_CLASSES.flatMap((each) => model.lane(each)));
  }

  toString(): string {
    return this.what;
  }
}

function addStep(more: Partial<Entry>): Step {
  return new Step(`add ${JSON.stringify(more)}`, (model, real) => {
    const added = model.next(more);
    if (model.waiting.length >= LIMITS.maxLength) return void assertThrows(() => real.add(added), QueueFullError);
    real.add(added);
    model.waiting.push(added);
  });
}

function takeStep(idle: number, workers: number, freed: string | undefined): Step {
  return new Step(`take ${idle} ${workers} ${freed}`, (model, real) => {
    const taken = real.take({ now: model.now, idle, workers, freed });
    const mayTake = idle > 0 || workers < LIMITS.maxWorkers;
    assertEquals(taken !== undefined, mayTake && model.waiting.length > 0);
    if (!taken) return;
    checkTaken(model, taken, freed);
    model.waiting = model.waiting.filter((each) => each !== taken);
  });
}

/** It waited, and it is the first of its class, or the first that fits with nobody before it who waited for the limit. */
function checkTaken(model: Model, taken: Entry, freed: string | undefined): void {
  const lane = model.lane(taken.executionClass);
  assert(lane.includes(taken), `${taken.name} was taken and did not wait`);
  const passed = lane.slice(0, lane.indexOf(taken));
  for (const each of passed) {
    assert(model.now - each.enqueuedAt < LIMITS.affinityLimitMs, `${each.name} was passed over for too long`);
    assert(taken.boundTo === freed && each.boundTo !== freed, `${each.name} was passed over for no reason`);
  }
  const fits = lane.findIndex((each) => each.boundTo === freed);
  const isHeldUp = lane.slice(0, fits).some((each) => model.now - each.enqueuedAt >= LIMITS.affinityLimitMs);
  assertEquals(taken, lane[fits < 0 || isHeldUp ? 0 : fits]);
}

function removeStep(index: number): Step {
  return new Step(`remove ${index}`, (model, real) => {
    const removed = model.waiting[index] ?? entry("stranger");
    assertEquals(real.remove(removed), index < model.waiting.length);
    model.waiting = model.waiting.filter((each) => each !== removed);
  });
}

const anyName = fc.constantFrom("x", "y", "z");
const anySteps = fc.commands([
  fc.record({
    executionClass: fc.constantFrom(...EXECUTION_CLASSES),
    boundTo: anyName,
  }).map(addStep),
  fc.tuple(fc.nat(1), fc.nat(3), fc.option(anyName, { nil: undefined })).map((given) => takeStep(...given)),
  fc.nat(15).map(removeStep),
  fc.nat(60).map((ms) => new Step(`wait ${ms} ms`, (model) => void (model.now += ms))),
], { maxCommands: 150 });

Deno.test("ExecuteSchedule loses nothing, doubles nothing and passes over nobody for too long, whatever is done", () => {
  for (const backingTurn of ["system-first", "alternating"] as const) {
    fc.assert(
      fc.property(anySteps, (steps) => {
        fc.modelRun(() => ({ model: new Model(), real: withSchedule({ ...LIMITS, backingTurn }) }), steps);
      }),
      { numRuns: 200 },
    );
  }
});
