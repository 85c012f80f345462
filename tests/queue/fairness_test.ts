import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { EXECUTION_CLASSES, type ExecutionClass, FAIRNESS_WINDOW, FairShare } from "../../src/queue/fairness.ts";
import { BACKING, backingKinds, classOf, letterOf, letters, promises } from "./turns.ts";

/** The turns that are taken while exactly these classes have work, without end. */
function turns(pending: string, count = FAIRNESS_WINDOW, share = new FairShare()): string {
  return Array.from({ length: count }, () => {
    const picked = share.pick((each) => pending.includes(letterOf[each]));
    assert(picked, `nobody of ${pending} has a turn`);
    share.count(picked);
    return letterOf[picked];
  }).join("");
}

/** The golden sequences of section 6.4: who has work, and who has the twelve turns. */
const GOLDEN: Record<string, string> = {
  DASB: "DADDSDDADDAD",
  DAB: "DADDBDDADDAD",
  ASB: "ASAAABAAAASA",
  AB: "ABAAAAAAAAAA",
  DB: "DBDDDDDDDDDD",
  SB: "SBSSSSSSSSSS",
  DA: "DADDDDDDDDDD",
};

for (const [pending, sequence] of Object.entries(GOLDEN)) {
  Deno.test(`FairShare gives ${sequence} when ${pending} have work`, () => {
    assertEquals(turns(pending), sequence);
  });

  Deno.test(`FairShare gives ${sequence} in every window in which ${pending} have work`, () => {
    assertEquals(turns(pending, 5 * FAIRNESS_WINDOW), sequence.repeat(5));
  });
}

Deno.test("does_not_postpone_backing: the first four turns of A and B are A, B, A, A", () => {
  assertEquals(turns("AB", 4), "ABAA");
});

Deno.test("FairShare.pick() gives every turn to a class that is alone, and none when nobody has work", () => {
  for (const letter of "DASB") assertEquals(turns(letter, 30), letter.repeat(30));
  assertEquals(new FairShare().pick(() => false), undefined);
});

Deno.test("FairShare.pick() changes nothing until the turn is counted", () => {
  const share = new FairShare({ backingTurn: "alternating" });
  turns("DASB", 7, share);
  const asked = Array.from({ length: 20 }, () => share.pick(() => true));
  assertEquals(new Set(asked), new Set([classOf.A]));
});

Deno.test("FairShare lets one kind of backing starve by upstream's rule", () => {
  assert(!turns("DASB", 100 * FAIRNESS_WINDOW).includes("B"));
});

Deno.test("FairShare gives the turn for backing in turns when told to, and takes none from disputes and approvals", () => {
  const share = new FairShare({ backingTurn: "alternating" });
  const swapped = GOLDEN["DASB"]?.replace("S", "B");
  assertEquals(turns("DASB", 4 * FAIRNESS_WINDOW, share), `${GOLDEN["DASB"]}${swapped}`.repeat(2));
});

Deno.test("FairShare keeps the golden sequences where neither kind of backing is left out", () => {
  for (const [pending, sequence] of Object.entries(GOLDEN).filter(([pending]) => pending !== "DASB")) {
    assertEquals(turns(pending, 36, new FairShare({ backingTurn: "alternating" })), sequence.repeat(3), pending);
  }
});

Deno.test("FairShare gives no more than the kept turn to the kind of backing that was left out", () => {
  const share = new FairShare({ backingTurn: "alternating" });
  turns("DASB", FAIRNESS_WINDOW, share);
  assertEquals(turns("SB", FAIRNESS_WINDOW, share), "BSSSSSSSSSSS");
  assertEquals(turns("SB", FAIRNESS_WINDOW, share), GOLDEN["SB"]);
});

/** Section 6.4 word for word: the counts of the window, and who has work. */
function bySpec(counts: number[], pending: boolean[]): number {
  const isReached = (each: number): boolean => {
    const sum = counts.slice(each).reduce((a, b) => a + b, 0);
    return sum !== 0 && Math.floor(100 * (counts[each] ?? 0) / sum) >= ([70, 80, 100, 100][each] ?? 0);
  };
  const entitled = pending.findIndex((has, each) => has && !isReached(each));
  return entitled >= 0 ? entitled : pending.indexOf(true);
}

/** Windows in which some classes have work throughout, and others now and then. */
const anyClasses = fc.subarray([...EXECUTION_CLASSES]);
const anyWindows = fc.array(
  fc.tuple(anyClasses, fc.array(anyClasses, { minLength: FAIRNESS_WINDOW, maxLength: FAIRNESS_WINDOW })),
  { maxLength: 8 },
).map((windows) =>
  windows.flatMap(([always, sometimes]) => sometimes.map((more) => new Set([...always, ...more])))
    .filter((pending) => pending.size > 0)
);

/** Who had work and who had the turn, turn by turn. */
function played(
  share: FairShare,
  steps: Set<ExecutionClass>[],
): { pending: Set<ExecutionClass>; turn: ExecutionClass }[] {
  return steps.map((pending) => {
    const turn = share.pick((each) => pending.has(each));
    assert(turn && pending.has(turn), `${turn} has the turn, one of ${letters([...pending])} wanted`);
    share.count(turn);
    return { pending, turn };
  });
}

Deno.test("FairShare follows the rule of section 6.4, whoever has work", () => {
  fc.assert(fc.property(anyWindows, (steps) => {
    let counts = [0, 0, 0, 0];
    for (const { pending, turn } of played(new FairShare(), steps)) {
      const wanted = bySpec(counts, EXECUTION_CLASSES.map((each) => pending.has(each)));
      assertEquals(turn, EXECUTION_CLASSES[wanted]);
      counts = counts.map((count, each) => each === wanted ? count + 1 : count);
      if (counts.reduce((a, b) => a + b) === FAIRNESS_WINDOW) counts = [0, 0, 0, 0];
    }
  }));
});

for (const backingTurn of ["system-first", "alternating"] as const) {
  Deno.test(`FairShare gives disputes, approvals and backing a turn in every window (${backingTurn})`, () => {
    fc.assert(
      fc.property(anyWindows, (steps) => {
        promises(played(new FairShare({ backingTurn }), steps), FAIRNESS_WINDOW, [["dispute"], ["approval"], BACKING]);
      }),
      { numRuns: 500 },
    );
  });
}

Deno.test("FairShare gives each of the four a turn in every two windows when the turn for backing alternates", () => {
  fc.assert(
    fc.property(anyWindows, (steps) => {
      const turns = played(new FairShare({ backingTurn: "alternating" }), steps);
      promises(turns, FAIRNESS_WINDOW, [["dispute"], ["approval"]]);
      for (const shift of [0, FAIRNESS_WINDOW]) promises(turns.slice(shift), 2 * FAIRNESS_WINDOW, backingKinds);
    }),
    { numRuns: 500 },
  );
});
