/** First come, first served, in several lanes: what the schedules share. */

/** Entries in lanes, of which the most urgent is named first. */
export class Lanes<K extends string, E> implements Iterable<E> {
  readonly #lanes: ReadonlyMap<K, E[]>;

  /** Empty lanes, the most urgent first. */
  constructor(names: readonly K[]) {
    this.#lanes = new Map(names.map((name) => [name, []]));
  }

  /** How many entries wait, in all lanes. */
  get length(): number {
    return this.#lanes.values().reduce((sum, lane) => sum + lane.length, 0);
  }

  /** One lane, from its front to its end. It changes with every change to the lane. */
  get(name: K): readonly E[] {
    return this.#lane(name);
  }

  /** Whether anything waits in this lane. */
  has(name: K): boolean {
    return this.#lane(name).length > 0;
  }

  /** Puts an entry at the end of a lane. */
  push(name: K, entry: E): void {
    this.#lane(name).push(entry);
  }

  /** Takes out the entry at the front of a lane. */
  shift(name: K): E | undefined {
    return this.#lane(name).shift();
  }

  /** Takes out an entry, wherever it waits, and says whether it was there. */
  remove(entry: E): boolean {
    return [...this.#lanes.keys()].some((name) => this.removeFrom(name, entry));
  }

  /** Takes an entry out of a lane, and says whether it was there. */
  removeFrom(name: K, entry: E): boolean {
    const lane = this.#lane(name);
    const index = lane.indexOf(entry);
    if (index >= 0) lane.splice(index, 1);
    return index >= 0;
  }

  /** What waits at this moment, lane by lane. Changes made meanwhile do not disturb who reads it. */
  [Symbol.iterator](): Iterator<E> {
    return [...this.#lanes.values()].flat().values();
  }

  #lane(name: K): E[] {
    const lane = this.#lanes.get(name);
    if (!lane) throw new TypeError(`Cannot use lane "${name}": one of ${[...this.#lanes.keys()].join(", ")} wanted`);
    return lane;
  }
}
