/**
 * Which class of executions has the next turn. While there is room the lower classes run early; when there is too much to do,
 * disputes and approvals have most turns, and nobody but one kind of backing (see {@linkcode FairShareOptions}) is left without any.
 */

/** What an execution is for. */
export type ExecutionClass = "dispute" | "approval" | "backing-system-paras" | "backing";

/** Every class, highest first. */
export const EXECUTION_CLASSES: readonly ExecutionClass[] = ["dispute", "approval", "backing-system-paras", "backing"];

/** How many turns are shared out at a time. */
export const FAIRNESS_WINDOW = 12;

/** How much a class may take of what the classes above it leave, in percent. */
const THRESHOLDS: Readonly<Record<ExecutionClass, number>> = {
  "dispute": 70,
  "approval": 80,
  "backing-system-paras": 100,
  "backing": 100,
};

/** Who is asked while other parachains are owed the turn for backing. */
const BACKING_BEFORE_SYSTEM: readonly ExecutionClass[] = ["dispute", "approval", "backing", "backing-system-paras"];

/** How a {@linkcode FairShare} shares. */
export interface FairShareOptions {
  /**
   * Who has the turn in each window that is kept for backing. Under overload it is the only one: where disputes and approvals never
   * end, a window goes 8 to disputes, 3 to approvals, 1 to backing.
   *
   * `"system-first"` is upstream's rule. It gives that turn to system parachains whenever they have work, so with work of all four
   * classes every window goes 8/3/1/0, and the other parachains are not backed for as long as that lasts.
   *
   * `"alternating"` gives it to the other parachains if they had none in the window before, and to system parachains if they had.
   * Disputes and approvals keep exactly their turns: 8/3/1/0, then 8/3/0/1, and so on. Each kind of backing has at least one turn in
   * any two windows in a row throughout which it has work. Where neither kind goes without, all is as upstream.
   *
   * @default {"system-first"}
   */
  readonly backingTurn?: "system-first" | "alternating" | undefined;
}

/** Shares turns among the classes, in windows of {@linkcode FAIRNESS_WINDOW}. */
export class FairShare {
  readonly #isAlternating: boolean;
  /** How many turns each class had in this window. */
  #counts = noTurns();
  /** Whether parachains that are no system ones went without in the window before, for which system ones had a turn. */
  #isBackingOwed = false;

  /** At the start of a window. */
  constructor({ backingTurn = "system-first" }: FairShareOptions = {}) {
    this.#isAlternating = backingTurn === "alternating";
  }

  /** The class whose turn it is among those that have work; `undefined` if none has. It is asked as often as one likes. */
  pick(pending: (executionClass: ExecutionClass) => boolean): ExecutionClass | undefined {
    const order = this.#order();
    const wanting = order.filter((each) => pending(each));
    // A turn that nobody is entitled to is not wasted.
    return wanting.find((each) => !this.#hasItsShare(each, order)) ?? wanting[0];
  }

  /** A job of this class was taken. */
  count(executionClass: ExecutionClass): void {
    this.#counts[executionClass]++;
    if (this.#turns(EXECUTION_CLASSES) === FAIRNESS_WINDOW) this.#nextWindow();
  }

  /** One turn is owed and no more: a window that is not short of turns for backing is system parachains' first, as ever. */
  #order(): readonly ExecutionClass[] {
    return this.#isBackingOwed && this.#counts["backing"] === 0 ? BACKING_BEFORE_SYSTEM : EXECUTION_CLASSES;
  }

  /** Of the turns that the classes above have left. */
  #hasItsShare(executionClass: ExecutionClass, order: readonly ExecutionClass[]): boolean {
    const left = this.#turns(order.slice(order.indexOf(executionClass)));
    return left > 0 && Math.floor(100 * this.#counts[executionClass] / left) >= THRESHOLDS[executionClass];
  }

  #turns(classes: readonly ExecutionClass[]): number {
    return classes.reduce((sum, each) => sum + this.#counts[each], 0);
  }

  #nextWindow(): void {
    this.#isBackingOwed = this.#isAlternating && this.#counts["backing"] === 0 &&
      this.#counts["backing-system-paras"] > 0;
    this.#counts = noTurns();
  }
}

function noTurns(): Record<ExecutionClass, number> {
  return { "dispute": 0, "approval": 0, "backing-system-paras": 0, "backing": 0 };
}
