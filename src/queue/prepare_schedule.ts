/** Which preparation is next. */
import { Lanes } from "./lanes.ts";
import type { Moment, Schedule } from "./schedule.ts";

/** How urgent a preparation is: `critical` for what an approval or a dispute waits for, `normal` for all else. */
export type PreparePriority = "normal" | "critical";

/** What the schedule knows of a preparation. */
export interface PrepareEntry {
  /** Where it waits. {@linkcode PrepareSchedule.raise} changes it, and nobody else may. */
  priority: PreparePriority;
}

/** How many workers a {@linkcode PrepareSchedule} counts on. */
export interface PrepareScheduleOptions {
  /** How many workers there may be for any job. */
  readonly softCapacity: number;
  /** How many there may be for a critical one. Not fewer than `softCapacity`. */
  readonly hardCapacity: number;
}

/**
 * Critical preparations in their order, then normal ones in theirs. Normal ones wait for as long as there are critical ones: what is
 * critical decides about blocks that are already included.
 */
export class PrepareSchedule<E extends PrepareEntry = PrepareEntry> implements Schedule<E> {
  readonly #capacity: Readonly<Record<PreparePriority, number>>;
  readonly #lanes = new Lanes<PreparePriority, E>(["critical", "normal"]);

  /**
   * Nothing waits yet.
   *
   * @throws {RangeError} If `softCapacity` is above `hardCapacity`
   */
  constructor({ softCapacity, hardCapacity }: PrepareScheduleOptions) {
    if (!(softCapacity <= hardCapacity)) {
      throw new RangeError(`Cannot use softCapacity ${softCapacity}: at most hardCapacity ${hardCapacity} wanted`);
    }
    this.#capacity = { normal: softCapacity, critical: hardCapacity };
  }

  /** How many preparations wait. */
  get length(): number {
    return this.#lanes.length;
  }

  /** Puts a preparation at the end of its lane. */
  add(entry: E): void {
    this.#lanes.push(entry.priority, entry);
  }

  /** Takes out the next preparation if a worker is idle, or if there may be one more worker for one of its priority. */
  take({ workers, idle }: Moment): E | undefined {
    const lane = this.#lanes.has("critical") ? "critical" : "normal";
    return idle > 0 || workers < this.#capacity[lane] ? this.#lanes.shift(lane) : undefined;
  }

  /**
   * Makes a preparation critical: somebody who waits for it is more in a hurry than who asked first. One that waits goes to the end
   * of the critical lane; one that runs goes on. Whoever raises should then ask for the
   * next job, since there may be a worker for a critical one where there was none for a normal one.
   *
   * @returns Whether it now waits in another lane
   */
  raise(entry: E): boolean {
    entry.priority = "critical";
    const isMoved = this.#lanes.removeFrom("normal", entry);
    if (isMoved) this.#lanes.push("critical", entry);
    return isMoved;
  }

  /** Takes out this preparation, and says whether it was there. */
  remove(entry: E): boolean {
    return this.#lanes.remove(entry);
  }

  /** What waits, critical ones first. */
  [Symbol.iterator](): Iterator<E> {
    return this.#lanes[Symbol.iterator]();
  }
}
