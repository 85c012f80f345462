/**
 * What a worker cannot do. The engine of these workers is given all of JavaScript; each attempt is made in a real worker process that
 * was started as production starts it, and must end as it says.
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { Pvf } from "../../../src/pvf.ts";
import { script } from "../script_engine.ts";
import { groupsFor, resources } from "./groups.ts";
import { CHANNELS } from "./ipc.ts";
import { KIT } from "./kit.ts";
import { inWorkers, makeAttempts, named, type Place, type Room, said } from "./runner.ts";

/** The CPU time of an attempt to use resources up, which is ended by its limit. */
const SHORT_MS = 300;

const PLACES: readonly Place[] = ["execute", "prepare"];

Deno.test("there are attempts to leave the sandbox in every direction, each with a name of its own", () => {
  const groups = [...groupsFor("execute"), resources];
  const names = named(groups).map(([name]) => name);
  assertGreaterOrEqual(names.length, 300);
  assertEquals(new Set(names).size, names.length);
  assertEquals(groups.filter(({ attempts }) => Object.keys(attempts).length < 10).map(({ name }) => name), []);
});

for (const place of PLACES) {
  Deno.test(`none of ${named(groupsFor(place)).length} attempts to leave the sandbox succeeds in ${place} workers`, async () => {
    assertEquals(await makeAttempts(groupsFor(place), place), []);
  });

  Deno.test(`no attempt to use up the machine succeeds in ${place} workers`, async () => {
    assertEquals(await makeAttempts([resources], place, { timeoutMs: SHORT_MS }), []);
  });
}

/** Gives a listener the time that it needs to hear what was said in its own process. */
const HEAR = `
  for (let tries = 0; tries < 20 && !globalThis.heard; tries++) {
    await new Promise((ok) => setTimeout(ok, 5));
    await globalThis.look?.();
  }
  const { heard } = globalThis;
  delete globalThis.heard;
  return heard || "nothing";`;

/** Another worker than the one that makes the attempts. */
async function elsewhere({ host, targets }: Room, body: string): Promise<string> {
  const code = `{ run: () => { ${KIT} return perform(${JSON.stringify(body)}, ${JSON.stringify(targets)}); } }`;
  const outcome = await host.execute(await Pvf.fromCode(script(code)), { params: new Uint8Array() });
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  return new TextDecoder().decode(outcome.result);
}

for (const [name, { listen, speak }] of Object.entries(CHANNELS)) {
  Deno.test(`what one worker says by ${name} is heard in its own process and by no other worker`, async () => {
    await inWorkers("execute", {}, async (room) => {
      assertEquals(said(await room.perform(listen), "threw"), undefined);
      assertEquals(said(await elsewhere(room, speak), "threw"), undefined);
      assertEquals(said(await room.perform(HEAR), "returned"), "nothing");
      assertEquals(said(await room.perform(speak), "threw"), undefined);
      assertEquals(said(await room.perform(HEAR), "returned"), "hello");
    });
  });
}
