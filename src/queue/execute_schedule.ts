/** Which execution is next. */
import { EXECUTION_CLASSES, type ExecutionClass, FairShare, type FairShareOptions } from "./fairness.ts";
import { Lanes } from "./lanes.ts";
import { type Moment, QueueFullError, type Schedule } from "./schedule.ts";

/** What the schedule knows of an execution. */
export interface ExecuteEntry {
  /** What it is for. */
  readonly executionClass: ExecutionClass;
  /** What its worker has to be bound to. */
  readonly boundTo: string;
  /** When it was put into the queue, in milliseconds on the queue's clock. */
  readonly enqueuedAt: number;
}

/** Limits of an {@linkcode ExecuteSchedule}. */
export interface ExecuteScheduleOptions extends FairShareOptions {
  /** How many workers there may be. */
  readonly maxWorkers: number;
  /**
   * How long an execution lets younger ones of its class go first because the worker that is free is bound to what they need, in
   * milliseconds. 0 means never.
   *
   * @default {4000}
   */
  readonly affinityLimitMs?: number | undefined;
  /**
   * How many executions may wait, of all classes.
   *
   * @default {1000}
   */
  readonly maxLength?: number | undefined;
}

/**
 * Executions in their order within a class; which class is next, {@linkcode FairShare} says. A worker that has just become free is
 * given a job that it is bound to, if that keeps nobody waiting for too long: binding a fresh one costs more than most jobs do.
 */
export class ExecuteSchedule<E extends ExecuteEntry = ExecuteEntry> implements Schedule<E> {
  readonly #options: { readonly maxWorkers: number; readonly affinityLimitMs: number; readonly maxLength: number };
  readonly #share: FairShare;
  readonly #lanes = new Lanes<ExecutionClass, E>(EXECUTION_CLASSES);

  /** Nothing waits yet. */
  constructor({ maxWorkers, affinityLimitMs = 4_000, maxLength = 1_000, backingTurn }: ExecuteScheduleOptions) {
    this.#options = { maxWorkers, affinityLimitMs, maxLength };
    this.#share = new FairShare({ backingTurn });
  }

  /** How many executions wait. */
  get length(): number {
    return this.#lanes.length;
  }

  /**
   * Puts an execution at the end of its class.
   *
   * @throws {QueueFullError} If as many wait as may
   */
  add(entry: E): void {
    const { length } = this;
    if (length >= this.#options.maxLength) throw new QueueFullError(length, this.#options.maxLength);
    this.#lanes.push(entry.executionClass, entry);
  }

  /**
   * Takes out the next execution and counts it for its class. Gives one wherever a worker is idle, whatever that is bound to: the
   * queue retires one that is bound to something else to make room.
   */
  take(moment: Moment): E | undefined {
    if (moment.idle === 0 && moment.workers >= this.#options.maxWorkers) return undefined;
    const executionClass = this.#share.pick((each) => this.#lanes.has(each));
    const entry = executionClass && this.#choose(this.#lanes.get(executionClass), moment);
    if (!entry) return undefined;
    this.#lanes.removeFrom(entry.executionClass, entry);
    this.#share.count(entry.executionClass);
    return entry;
  }

  /** Takes out this execution, and says whether it was there. */
  remove(entry: E): boolean {
    return this.#lanes.remove(entry);
  }

  /** What waits, highest class first. */
  [Symbol.iterator](): Iterator<E> {
    return this.#lanes[Symbol.iterator]();
  }

  /** The first that fits the freed worker, if everyone before it can still wait; else the oldest. */
  #choose(lane: readonly E[], { now, freed }: Moment): E | undefined {
    for (const entry of freed === undefined ? [] : lane) {
      if (entry.boundTo === freed) return entry;
      if (now - entry.enqueuedAt >= this.#options.affinityLimitMs) break;
    }
    return lane[0];
  }
}
