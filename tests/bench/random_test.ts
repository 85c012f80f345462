import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Random } from "../../bench/random.ts";

function firstNumbers(random: Random): number[] {
  return Array.from({ length: 5 }, () => random.u32());
}

Deno.test("Random gives the same numbers for the same seed, part and index, and others for all else", () => {
  const numbers = firstNumbers(new Random(7, "code", 3));
  assertEquals(firstNumbers(new Random(7, "code", 3)), numbers);
  for (const other of [new Random(8, "code", 3), new Random(7, "params", 3), new Random(7, "code", 4)]) {
    assertNotEquals(firstNumbers(other), numbers);
  }
});

Deno.test("Random.weighted() picks each key about as often as its weight says, and none of weight 0", () => {
  const random = new Random(1);
  const counts = { often: 0, seldom: 0, never: 0 };
  for (let pick = 0; pick < 10_000; pick++) counts[random.weighted({ often: 9, seldom: 1, never: 0 })]++;
  assert(counts.seldom > 800 && counts.seldom < 1_200, JSON.stringify(counts));
  assertEquals(counts.never, 0);
});
