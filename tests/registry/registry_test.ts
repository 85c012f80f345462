import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { basename, dirname } from "@std/path";
import { CacheLockedError } from "../../src/registry/lock.ts";
import type { DirectoryPrefix } from "../../src/registry/names.ts";
import { PublishError } from "../../src/registry/publish.ts";
import { ArtifactRegistry } from "../../src/registry/registry.ts";
import {
  announce,
  confined,
  idOf,
  LEAK_FREE,
  namesIn,
  outputOf,
  RegistryFixture,
  STATS,
  TempDirectory,
} from "./fixtures.ts";

const CONTENT = new TextEncoder().encode("an artifact");
const ERROR = { kind: "io-error", message: "Cannot read the worker's answer: found nothing" } as const;

Deno.test("ArtifactRegistry.open() creates the directory, locks it, and starts empty", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("parent", "cache");
  await using registry = await ArtifactRegistry.open({ path });
  assertEquals(registry.path, path);
  assertEquals(registry.cleanUp, { removed: [], failures: [] });
  assertEquals([registry.size, registry.bytes, ...registry.entries()], [0, 0]);
  assertEquals(await namesIn(path), ["kiln.lock"]);
});

Deno.test(
  "ArtifactRegistry.open() deletes what an earlier registry left, and trusts none of it",
  LEAK_FREE,
  async () => {
    await using directory = await TempDirectory.make();
    const path = directory.at("cache");
    {
      await using earlier = await ArtifactRegistry.open({ path });
      await Deno.writeFile(directory.at("source"), CONTENT);
      const { path: artifact } = await earlier.publish(directory.at("source"), await announce(CONTENT));
      for (const prefix of ["worker-dir-execute-", "kiln-worker-program-"] as const) {
        await Deno.mkdir(earlier.newPath(prefix));
      }
      assertEquals((await namesIn(path)).length, 4);
      await Deno.copyFile(artifact, directory.at("cache", "tmp-0123.pvf"));
    }
    await using registry = await ArtifactRegistry.open({ path });
    assertEquals(registry.size, 0);
    assertEquals(registry.cleanUp.removed.length, 4);
    assertEquals(await namesIn(path), ["kiln.lock"]);
  },
);

Deno.test("ArtifactRegistry.open() deletes what a killed host left", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("cache");
  const holder = confined({ script: "hold_lock.ts", cache: path, cwd: directory.path }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  reader.releaseLock();
  await Deno.writeTextFile(directory.at("cache", "half.pvf"), "half");
  await assertRejects(() => ArtifactRegistry.open({ path }), CacheLockedError);
  assertEquals(await namesIn(path), ["half.pvf", "kiln.lock"]);
  holder.kill("SIGKILL");
  await holder.stdin.close();
  await holder.output();
  await using registry = await ArtifactRegistry.open({ path });
  assertEquals(registry.cleanUp.removed, ["half.pvf"]);
});

Deno.test("ArtifactRegistry.open() deletes nothing while another one is open", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const path = await fixture.prepare(idOf(1), CONTENT);
  const error = await assertRejects(() => ArtifactRegistry.open({ path: fixture.registry.path }), CacheLockedError);
  assertEquals([error.path, error.pid], [fixture.registry.path, Deno.pid]);
  assertEquals(await Deno.readFile(path), CONTENT);
});

Deno.test("ArtifactRegistry.open() refuses options out of range", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("cache");
  for (const unfit of [0, -1, 1.5, NaN, Infinity]) {
    await assertRejects(() => ArtifactRegistry.open({ path, maxFailedEntries: unfit }), RangeError, "maxFailedEntries");
    await assertRejects(() => ArtifactRegistry.open({ path, maxArtifactBytes: unfit }), RangeError, "maxArtifactBytes");
  }
  assertEquals(await namesIn(directory.path), []);
});

Deno.test("ArtifactRegistry.open() lets go of the lock when the clean-up fails", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const readDir = Deno.readDir;
  Deno.readDir = () => {
    throw new Error("Input/output error");
  };
  try {
    await assertRejects(() => ArtifactRegistry.open({ path: directory.path }), Error, "Input/output error");
  } finally {
    Deno.readDir = readDir;
  }
  await using _registry = await ArtifactRegistry.open({ path: directory.path });
});

Deno.test("A confined host does all that a registry can", LEAK_FREE, async (t) => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("real"));
  await Deno.symlink(directory.at("real"), directory.at("link"));
  for (const cache of [directory.at("absolute"), "relative", directory.at("link", "cache"), "link/cache2"]) {
    await t.step(`in ${basename(dirname(cache))}/${basename(cache)}`, async () => {
      assertEquals(await outputOf(confined({ script: "confined_life.ts", cache, cwd: directory.path })), "all good");
    });
  }
});

Deno.test("ArtifactRegistry goes from a worker's file to an artifact", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  fixture.clock.nowMs = 42;
  const { registry } = fixture;
  const path = await fixture.prepare(idOf(1), CONTENT);
  assertEquals(dirname(path), registry.path);
  assertMatch(basename(path), /^0x[0-9a-f]{128}\.pvf$/);
  assertEquals(await Deno.readFile(path), CONTENT);
  const file = { path, ...await announce(CONTENT), stats: STATS };
  assertEquals(registry.get(idOf(1)), { state: "prepared", ...file, lastNeeded: 42 });
  assertEquals([...registry.entries()], [[idOf(1), { state: "prepared", ...file, lastNeeded: 42 }]]);
  assertEquals([registry.size, registry.bytes], [1, CONTENT.length]);
});

Deno.test("ArtifactRegistry guards the life of an artifact", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open({ maxFailedEntries: 1 });
  const { registry } = fixture;
  registry.insertPreparing(idOf(1));
  assertEquals(registry.get(idOf(1)), { state: "preparing", numFailures: 0 });
  assertThrows(() => registry.insertPreparing(idOf(1)), Error, "found it preparing, absent wanted");
  assertThrows(() => registry.retryPreparing(idOf(1)), Error, "found it preparing, failed wanted");
  registry.setFailed(idOf(1), ERROR);
  assertThrows(() => registry.insertPreparing(idOf(1)), Error, "found it failed, absent wanted");
  assertThrows(() => registry.setFailed(idOf(1), ERROR), Error, "found it failed, preparing wanted");
  registry.retryPreparing(idOf(1));
  assertEquals(registry.get(idOf(1)), { state: "preparing", numFailures: 1 });
  registry.setFailed(idOf(1), ERROR);
  registry.insertPreparing(idOf(2), 5);
  registry.setFailed(idOf(2), ERROR);
  assertEquals(registry.get(idOf(1)), undefined);
  assertEquals(registry.get(idOf(2)), {
    state: "failed",
    lastFailed: 0,
    numFailures: 6,
    error: ERROR,
    limits: "compile",
  });
  for (const unfit of [-1, 0.5, NaN]) assertThrows(() => registry.insertPreparing(idOf(3), unfit), RangeError);
});

Deno.test("ArtifactRegistry notes only files that are its own to delete", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry, directory } = fixture;
  const taken = await fixture.prepare(idOf(1), CONTENT);
  const file = { path: `${registry.path}/a.pvf`, checksum: new Uint8Array(32), sizeBytes: 1, stats: STATS };
  registry.insertPreparing(idOf(2));
  const foreign = [directory.at("a.pvf"), `${registry.path}/a`, `${registry.path}/x/a.pvf`, "a.pvf", "", registry.path];
  for (const path of [...foreign, `${registry.path}/../a.pvf`, `${registry.path}/kiln.lock`]) {
    assertThrows(() => registry.setPrepared(idOf(2), { ...file, path }), TypeError, `Cannot use the file ${path}`);
    assertThrows(() => registry.insertPrepared(idOf(3), { ...file, path }), TypeError);
    await assertRejects(() => registry.discard(path), TypeError);
  }
  assertThrows(() => registry.setPrepared(idOf(2), { ...file, path: taken }), Error, "found it in use");
  assertThrows(() => registry.setPrepared(idOf(2), { ...file, checksum: new Uint8Array(31) }), TypeError, "31 bytes");
  assertThrows(() => registry.setPrepared(idOf(2), { ...file, sizeBytes: -1 }), RangeError, "sizeBytes");
  assertEquals(registry.get(idOf(2))?.state, "preparing");
  registry.insertPrepared(idOf(3), file);
  assertEquals(registry.get(idOf(3)), { state: "prepared", ...file, lastNeeded: 0 });
});

Deno.test("ArtifactRegistry.publish() refuses what is larger than the limit", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open({ maxArtifactBytes: CONTENT.length - 1 });
  const source = await fixture.leave(CONTENT);
  const announced = await announce(CONTENT);
  await assertRejects(() => fixture.registry.publish(source, announced), PublishError, "at most 10 wanted");
});

Deno.test("ArtifactRegistry.discard() deletes a file that no artifact has", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry } = fixture;
  const { path } = await registry.publish(await fixture.leave(CONTENT), await announce(CONTENT));
  await registry.discard(path);
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  await registry.discard(path);
  const prepared = await fixture.prepare(idOf(1), CONTENT);
  await assertRejects(() => registry.discard(prepared), Error, "found it in use");
  assertEquals(await Deno.readFile(prepared), CONTENT);
});

Deno.test("ArtifactRegistry.discard() rejects when the file cannot be deleted", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const path = `${fixture.registry.path}/full.pvf`;
  await Deno.mkdir(`${path}/inner`, { recursive: true });
  await assertRejects(() => fixture.registry.discard(path), Error, "not empty");
});

Deno.test("ArtifactRegistry.remove() removes the entry at once, and the file", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry } = fixture;
  const path = await fixture.prepare(idOf(1), CONTENT);
  const removing = registry.remove(idOf(1));
  assertEquals(registry.get(idOf(1)), undefined);
  registry.insertPreparing(idOf(1));
  assertEquals(await removing, { id: idOf(1), path, sizeBytes: CONTENT.length });
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  assertEquals(registry.get(idOf(1))?.state, "preparing");
});

Deno.test("ArtifactRegistry.remove() spares an artifact that has another file by now", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry } = fixture;
  const bad = await fixture.prepare(idOf(1), CONTENT);
  await registry.remove(idOf(1), bad);
  const good = await fixture.prepare(idOf(1), CONTENT);
  assertEquals(await registry.remove(idOf(1), bad), undefined);
  assertEquals(await Deno.readFile(good), CONTENT);
  assertEquals(registry.get(idOf(1))?.state, "prepared");
});

Deno.test("ArtifactRegistry.remove() changes nothing for what is not prepared", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry } = fixture;
  registry.insertPreparing(idOf(1));
  registry.insertPreparing(idOf(2));
  registry.setFailed(idOf(2), ERROR);
  const before = [...registry.entries()];
  for (const number of [1, 2, 3]) assertEquals(await registry.remove(idOf(number)), undefined);
  assertEquals([...registry.entries()], before);
});

Deno.test("ArtifactRegistry.remove() works when the file is gone", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const path = await fixture.prepare(idOf(1), CONTENT);
  await Deno.remove(path);
  assertEquals(await fixture.registry.remove(idOf(1)), { id: idOf(1), path, sizeBytes: CONTENT.length });
});

Deno.test("ArtifactRegistry.remove() reports a file that it could not delete", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const path = await fixture.prepare(idOf(1), CONTENT);
  await Deno.remove(path);
  await Deno.mkdir(`${path}/inner`, { recursive: true });
  const removed = await fixture.registry.remove(idOf(1));
  assert(removed?.error instanceof Error);
  assertEquals(removed?.path, path);
  assertEquals(fixture.registry.size, 0);
});

Deno.test("ArtifactRegistry.prune() removes what is older than the TTL", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { clock, registry } = fixture;
  const old = await fixture.prepare(idOf(1), CONTENT);
  clock.nowMs = 1;
  const kept = await fixture.prepare(idOf(2), CONTENT);
  registry.insertPreparing(idOf(3));
  clock.nowMs = 1001;
  const pruning = registry.prune(1000);
  assertEquals(registry.get(idOf(1)), undefined);
  assertEquals(await pruning, [{ id: idOf(1), path: old, sizeBytes: CONTENT.length }]);
  await assertRejects(() => Deno.lstat(old), Deno.errors.NotFound);
  assertEquals(await Deno.readFile(kept), CONTENT);
  assertEquals([registry.size, registry.bytes], [2, CONTENT.length]);
});

Deno.test("ArtifactRegistry.prune() spares what was touched", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { clock, registry } = fixture;
  await fixture.prepare(idOf(1), CONTENT);
  clock.nowMs = 1000;
  assert(registry.touch(idOf(1)));
  assertEquals(registry.touch(idOf(2)), false);
  clock.nowMs = 2000;
  assertEquals(await registry.prune(1000), []);
  clock.nowMs = 2001;
  assertEquals((await registry.prune(1000)).length, 1);
});

Deno.test("ArtifactRegistry.prune() removes nothing when the clock went backwards", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  fixture.clock.nowMs = 1_000_000;
  const path = await fixture.prepare(idOf(1), CONTENT);
  fixture.clock.nowMs = 0;
  assertEquals(await fixture.registry.prune(0), []);
  assertEquals(await Deno.readFile(path), CONTENT);
});

Deno.test("ArtifactRegistry.prune() forgets what it could not delete, and goes on", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const stuck = await fixture.prepare(idOf(1), CONTENT);
  const other = await fixture.prepare(idOf(2), CONTENT);
  await Deno.remove(stuck);
  await Deno.mkdir(`${stuck}/inner`, { recursive: true });
  fixture.clock.nowMs = 1;
  const [first, second] = await fixture.registry.prune(0);
  assert(first?.error instanceof Error);
  assertEquals(second, { id: idOf(2), path: other, sizeBytes: CONTENT.length });
  assertEquals(fixture.registry.size, 0);
});

Deno.test("ArtifactRegistry.prune() rejects a TTL that is not a finite number of at least 0", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  await fixture.prepare(idOf(1), CONTENT);
  fixture.clock.nowMs = 10;
  for (const unfit of [-1, NaN, Infinity, -Infinity]) {
    await assertRejects(() => fixture.registry.prune(unfit), RangeError, `found a TTL of ${unfit} ms`);
  }
  assertEquals(fixture.registry.size, 1);
});

Deno.test("ArtifactRegistry.newPath() names directories in the cache", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry } = fixture;
  const path = registry.newPath("worker-dir-prepare-");
  assertEquals(dirname(path), registry.path);
  assertMatch(basename(path), /^worker-dir-prepare-[0-9a-f]{32}$/);
  assertMatch(registry.newPath("kiln-worker-program-"), /\/kiln-worker-program-[0-9a-f]{32}$/);
  assertThrows(() => registry.newPath("documents-" as DirectoryPrefix), TypeError, "Cannot name a directory");
});

Deno.test("ArtifactRegistry names files by the bytes that it is given", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open({ randomBytes: (length) => new Uint8Array(length).fill(0xa5) });
  const path = await fixture.prepare(idOf(1), CONTENT);
  assertEquals(basename(path), `0x${"a5".repeat(64)}.pvf`);
  assertEquals(basename(fixture.workerDirectory), `worker-dir-prepare-${"a5".repeat(16)}`);
});

Deno.test("ArtifactRegistry takes ages from a clock that nobody can set, unless one is given", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await using registry = await ArtifactRegistry.open({ path: directory.path });
  const before = performance.now();
  const path = `${registry.path}/a.pvf`;
  registry.insertPrepared(idOf(1), { path, checksum: new Uint8Array(32), sizeBytes: 0, stats: STATS });
  const state = registry.get(idOf(1));
  assert(state?.state === "prepared" && state.lastNeeded >= before && state.lastNeeded <= performance.now());
});

Deno.test("ArtifactRegistry.close() lets another one have the directory", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const registry = await ArtifactRegistry.open({ path: directory.path });
  await Promise.all([registry.close(), registry.close()]);
  assertEquals(await namesIn(directory.path), []);
  await using next = await ArtifactRegistry.open({ path: directory.path });
  await registry.close();
  await registry[Symbol.asyncDispose]();
  await assertRejects(() => ArtifactRegistry.open({ path: next.path }), CacheLockedError);
});

Deno.test("ArtifactRegistry.close() waits for what works on the disk", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry } = fixture;
  const done: string[] = [];
  const publishing = registry.publish(await fixture.leave(CONTENT), await announce(CONTENT));
  const failing = registry.publish(`${registry.path}/absent`, await announce(CONTENT));
  const closing = registry.close().then(() => done.push("closed"));
  await Promise.all([
    publishing.then(() => done.push("published")),
    failing.catch(() => done.push("failed")),
    closing,
  ]);
  assertEquals(done.at(-1), "closed");
  assertEquals(done.length, 3);
});

Deno.test("ArtifactRegistry leaves the disk alone once it is closed", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  const { registry } = fixture;
  const path = await fixture.prepare(idOf(1), CONTENT);
  const announced = await announce(CONTENT);
  fixture.clock.nowMs = 10;
  const closing = registry.close();
  const attempts: Record<string, () => Promise<unknown>> = {
    publish: () => registry.publish(`${fixture.workerDirectory}/tmp-artifact`, announced),
    discard: () => registry.discard(path),
    remove: () => registry.remove(idOf(1)),
    prune: () => registry.prune(0),
  };
  for (const [what, attempt] of Object.entries(attempts)) {
    await assertRejects(attempt, Error, `Cannot ${what}: found the registry of ${registry.path} closed`);
  }
  assertThrows(() => registry.newPath("worker-dir-x-"), Error, "Cannot name a directory");
  await closing;
  assertEquals(await Deno.readFile(path), CONTENT);
  assertEquals(registry.get(idOf(1))?.state, "prepared");
});

Deno.test("ArtifactRegistry.setFailed() keeps under which limits it was", LEAK_FREE, async () => {
  await using fixture = await RegistryFixture.open();
  fixture.registry.insertPreparing(idOf(1));
  fixture.registry.setFailed(idOf(1), ERROR, "precheck");
  const state = fixture.registry.get(idOf(1));
  assertEquals(state?.state === "failed" && state.limits, "precheck");
});
