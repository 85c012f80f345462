import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { basename } from "@std/path";
import type { ArtifactId, ArtifactState } from "../../src/registry/artifact.ts";
import { ArtifactRegistry } from "../../src/registry/registry.ts";
import { announce, idOf, LEAK_FREE, ManualClock, namesIn, STATS, TempDirectory } from "./fixtures.ts";

const MAX_FAILED = 2;
const ERROR = { kind: "job-died", message: "Cannot prepare the code: the worker ended" } as const;

/** What the registry should know, kept in the simplest way: by the number of the id, the latest change last. */
type Model = Map<number, ArtifactState>;

interface Bench {
  readonly model: Model;
  readonly clock: ManualClock;
  readonly directory: TempDirectory;
  registry: ArtifactRegistry;
}

/**
 * One operation: what it should do to the model and whether the registry should refuse, and the same on the registry.
 */
interface Step {
  readonly run: (bench: Bench) => Promise<void>;
  readonly toString: () => string;
}

type StateName = ArtifactState["state"] | "absent";

function stateOf(model: Model, number: number): StateName {
  return model.get(number)?.state ?? "absent";
}

/** Puts the entry last, as a Map keeps the place of a key that it knows. */
function put(model: Model, number: number, state: ArtifactState): void {
  model.delete(number);
  model.set(number, state);
}

/** Does what must succeed in one state and throw in every other one. */
function attempt(bench: Bench, number: number, from: StateName, apply: () => void): boolean {
  const isAllowed = stateOf(bench.model, number) === from;
  let hasThrown = false;
  try {
    apply();
  } catch {
    hasThrown = true;
  }
  assertEquals(hasThrown, !isAllowed);
  return isAllowed;
}

function insert(number: number): Step {
  return named(`insert ${number}`, (bench) => {
    if (attempt(bench, number, "absent", () => bench.registry.insertPreparing(idOf(number)))) {
      put(bench.model, number, { state: "preparing", numFailures: 0 });
    }
  });
}

function retry(number: number): Step {
  return named(`retry ${number}`, (bench) => {
    const before = bench.model.get(number);
    if (attempt(bench, number, "failed", () => bench.registry.retryPreparing(idOf(number)))) {
      put(bench.model, number, {
        state: "preparing",
        numFailures: before?.state === "failed" ? before.numFailures : 0,
      });
    }
  });
}

function fail(number: number): Step {
  return named(`fail ${number}`, ({ model, clock, registry, ...bench }) => {
    const before = model.get(number);
    const failing = () => registry.setFailed(idOf(number), ERROR);
    if (!attempt({ model, clock, registry, ...bench }, number, "preparing", failing)) return;
    const numFailures = (before?.state === "preparing" ? before.numFailures : 0) + 1;
    put(model, number, { state: "failed", lastFailed: clock.nowMs, numFailures, error: ERROR, limits: "compile" });
    const failed = [...model].filter(([, state]) => state.state === "failed");
    if (failed.length > MAX_FAILED) model.delete(failed[0]?.[0] ?? NaN);
  });
}

/** Publishes, with `tampering` what a worker did not announce, and notes the artifact or discards the file. */
function finish(number: number, content: Uint8Array<ArrayBuffer>, isTampered: boolean): Step {
  return named(`finish ${number} ${content.length} ${isTampered}`, async (bench) => {
    const { directory, model, clock } = bench;
    await Deno.writeFile(directory.at("source"), content);
    const { sizeBytes, checksum } = await announce(content);
    if (isTampered) await Deno.writeFile(directory.at("source"), new Uint8Array([1]), { append: true });
    const published = await bench.registry.publish(directory.at("source"), { sizeBytes, checksum }).catch(() =>
      undefined
    );
    assertEquals(published === undefined, isTampered);
    if (published === undefined) return;
    const file = { ...published, checksum, stats: STATS };
    if (attempt(bench, number, "preparing", () => bench.registry.setPrepared(idOf(number), file))) {
      put(model, number, { state: "prepared", ...file, lastNeeded: clock.nowMs });
    } else {
      await bench.registry.discard(published.path);
    }
  });
}

function touch(number: number): Step {
  return named(`touch ${number}`, ({ model, clock, registry }) => {
    const state = model.get(number);
    assertEquals(registry.touch(idOf(number)), state?.state === "prepared");
    if (state?.state === "prepared") model.set(number, { ...state, lastNeeded: clock.nowMs });
  });
}

function remove(number: number, path: "any" | "same" | "other"): Step {
  return named(`remove ${number} ${path}`, async ({ model, registry }) => {
    const state = model.get(number);
    const actual = state?.state === "prepared" ? state.path : "/nowhere.pvf";
    const given = path === "other" ? `${actual}x` : actual;
    const removed = await (path === "any" ? registry.remove(idOf(number)) : registry.remove(idOf(number), given));
    if (state?.state !== "prepared" || path === "other") return assertEquals(removed, undefined);
    assertEquals(removed, { id: idOf(number), path: state.path, sizeBytes: state.sizeBytes });
    model.delete(number);
  });
}

function prune(ttlMs: number): Step {
  return named(`prune ${ttlMs}`, async ({ model, clock, registry }) => {
    const stale: ArtifactId[] = [];
    for (const [number, state] of [...model]) {
      if (state.state !== "prepared" || clock.nowMs - state.lastNeeded <= ttlMs) continue;
      stale.push(idOf(number));
      model.delete(number);
    }
    const pruned = await registry.prune(ttlMs);
    assertEquals(sortedKeys(pruned.map(({ id }) => id)), sortedKeys(stale));
  });
}

function moveClock(ms: number): Step {
  return named(`clock ${ms}`, ({ clock }) => {
    clock.nowMs += ms;
  });
}

function reopen(): Step {
  return named("reopen", async (bench) => {
    await bench.registry.close();
    bench.registry = await open(bench.directory, bench.clock);
    bench.model.clear();
  });
}

function named(name: string, run: (bench: Bench) => Promise<void> | void): Step {
  return { run: async (bench) => await run(bench), toString: () => name };
}

function open(directory: TempDirectory, clock: ManualClock): Promise<ArtifactRegistry> {
  return ArtifactRegistry.open({ path: directory.at("cache"), now: clock.now, maxFailedEntries: MAX_FAILED });
}

function sortedKeys(ids: ArtifactId[]): string[] {
  return ids.map(({ codeHash }) => codeHash).sort();
}

/** Entries, sizes and files on disk must be those of the model, no more and no less. */
async function assertAgreement({ directory, model, registry }: Bench): Promise<void> {
  const known = new Map([...registry.entries()].map(([id, state]) => [Number(id.codeHash), state]));
  assertEquals(new Map([...known].sort()), new Map([...model].sort()));
  const prepared = [...model.values()].filter((state) => state.state === "prepared");
  assertEquals(registry.size, model.size);
  assertEquals(registry.bytes, prepared.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const names = [...prepared.map(({ path }) => basename(path)), "kiln.lock"];
  assertEquals(await namesIn(directory.at("cache")), names.sort());
  for (const { path, checksum } of prepared) {
    assertEquals((await announce(await Deno.readFile(path))).checksum, checksum);
  }
}

const number = fc.integer({ min: 0, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: number.map(insert) },
  { weight: 2, arbitrary: number.map(retry) },
  { weight: 2, arbitrary: number.map(fail) },
  {
    weight: 6,
    arbitrary: fc.tuple(number, fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 0, max: 4 }))
      .map(([number, content, dice]) => finish(number, new Uint8Array(content), dice === 0)),
  },
  { weight: 2, arbitrary: number.map(touch) },
  { weight: 2, arbitrary: fc.tuple(number, fc.constantFrom("any", "same", "other")).map((args) => remove(...args)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 20 }).map(prune) },
  { weight: 2, arbitrary: fc.integer({ min: -5, max: 15 }).map(moveClock) },
  { weight: 1, arbitrary: fc.constant(reopen()) },
);

Deno.test("ArtifactRegistry and the disk agree after every operation", LEAK_FREE, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      await using directory = await TempDirectory.make();
      const clock = new ManualClock();
      const bench: Bench = { model: new Map(), clock, directory, registry: await open(directory, clock) };
      try {
        for (const { run } of steps) {
          await run(bench);
          await assertAgreement(bench);
        }
      } finally {
        await bench.registry.close();
      }
    }),
    { numRuns: 60 },
  );
});
