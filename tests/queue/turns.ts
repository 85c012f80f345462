/** Who had which turn, in short: what the tests of the fairness rule share. */
import { assert } from "@std/assert";
import type { ExecutionClass } from "../../src/queue/fairness.ts";

export const letterOf: Record<ExecutionClass, string> = {
  "dispute": "D",
  "approval": "A",
  "backing-system-paras": "S",
  "backing": "B",
};

export const classOf = { D: "dispute", A: "approval", S: "backing-system-paras", B: "backing" } as const;

/** Both kinds of backing as one. */
export const BACKING: readonly ExecutionClass[] = ["backing-system-paras", "backing"];

/** Each kind of backing for itself. */
export const backingKinds: readonly (readonly ExecutionClass[])[] = BACKING.map((each) => [each]);

/** "DASB" for the four classes. */
export function letters(classes: Iterable<ExecutionClass>): string {
  return Array.from(classes, (each) => letterOf[each]).join("");
}

/** A turn: who had work when it was given, and who had it. */
export interface Turn {
  readonly pending: ReadonlySet<ExecutionClass>;
  readonly turn: ExecutionClass;
}

/** Checks that in every full stretch of `length` turns each group has one, if one of the group had work at all of them. */
export function promises(turns: Turn[], length: number, groups: readonly (readonly ExecutionClass[])[]): void {
  for (let start = 0; start + length <= turns.length; start += length) {
    const stretch = turns.slice(start, start + length);
    for (const group of groups) {
      const hadWork = stretch.every(({ pending }) => group.some((each) => pending.has(each)));
      const hadTurn = stretch.some(({ turn }) => group.includes(turn));
      assert(
        hadTurn || !hadWork,
        `${letters(group)} had work, and no turn in ${letters(stretch.map(({ turn }) => turn))}`,
      );
    }
  }
}
