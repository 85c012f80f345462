/** What only the outer sandbox closes, as it is without one and with one. */
import { assertEquals } from "@std/assert";
import { outerTest } from "../bubblewrap.ts";
import { groupsFor, resources } from "./groups.ts";
import { GAPS } from "./outer.ts";
import { inWorkers, makeAttempts } from "./runner.ts";

const sandbox = { outer: "bubblewrap" } as const;

for (const [name, gap] of Object.entries(GAPS)) {
  Deno.test(`without an outer sandbox a worker can ${name}`, async () => {
    await inWorkers("execute", {}, async (room) => assertEquals(await gap.isOpen(room), true, gap.truth));
  });

  outerTest(`in bubblewrap no worker can ${name}`, async () => {
    await inWorkers("execute", { sandbox }, async (room) => assertEquals(await gap.isOpen(room), false));
  });
}

for (const place of ["execute", "prepare"] as const) {
  outerTest(`in bubblewrap no attempt to leave the sandbox succeeds in ${place} workers`, async () => {
    assertEquals(await makeAttempts(groupsFor(place), place, { sandbox }), []);
    assertEquals(await makeAttempts([resources], place, { sandbox, timeoutMs: 300 }), []);
  });
}
