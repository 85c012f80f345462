import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { ArtifactFile, ArtifactId } from "../../src/registry/artifact.ts";
import { ArtifactTable } from "../../src/registry/table.ts";
import { idOf, ManualClock, STATS } from "./fixtures.ts";

const ERROR = { kind: "timed-out", message: "Cannot prepare the code: 60000 ms of CPU time used up" } as const;

function fileOf(number: number, sizeBytes = 10): ArtifactFile {
  return { path: `/cache/${number}.pvf`, checksum: new Uint8Array(32).fill(number), sizeBytes, stats: STATS };
}

function tableOn(clock = new ManualClock(), maxFailedEntries = 1000): ArtifactTable {
  return new ArtifactTable({ now: clock.now, maxFailedEntries });
}

/** Tables with one entry, by the state that it is in. */
function tablesByState(): Record<"absent" | "preparing" | "prepared" | "failed", ArtifactTable> {
  const tables = { absent: tableOn(), preparing: tableOn(), prepared: tableOn(), failed: tableOn() };
  tables.preparing.insertPreparing(idOf(1), 2);
  tables.prepared.insertPrepared(idOf(1), fileOf(1));
  tables.failed.insertPreparing(idOf(1), 2);
  tables.failed.setFailed(idOf(1), ERROR, "compile");
  return tables;
}

Deno.test("ArtifactTable allows exactly the transitions of an artifact's life", () => {
  const transitions: Record<string, { from: string; apply: (table: ArtifactTable) => void; to: string }> = {
    insertPreparing: { from: "absent", apply: (table) => table.insertPreparing(idOf(1), 0), to: "preparing" },
    insertPrepared: { from: "absent", apply: (table) => table.insertPrepared(idOf(1), fileOf(1)), to: "prepared" },
    retryPreparing: { from: "failed", apply: (table) => table.retryPreparing(idOf(1)), to: "preparing" },
    setPrepared: { from: "preparing", apply: (table) => table.setPrepared(idOf(1), fileOf(1)), to: "prepared" },
    setFailed: { from: "preparing", apply: (table) => table.setFailed(idOf(1), ERROR), to: "failed" },
  };
  for (const { from, apply, to } of Object.values(transitions)) {
    for (const [state, table] of Object.entries(tablesByState())) {
      const before = table.get(idOf(1));
      if (state === from) {
        apply(table);
        assertEquals(table.get(idOf(1))?.state, to);
        assertEquals(table.size, 1);
      } else {
        assertThrows(() => apply(table), Error, `found it ${state}, ${from} wanted`);
        assertStrictEquals(table.get(idOf(1)), before);
      }
    }
  }
});

Deno.test("ArtifactTable counts failures over retries", () => {
  const clock = new ManualClock();
  const table = tableOn(clock);
  table.insertPreparing(idOf(1), 0);
  clock.nowMs = 5;
  table.setFailed(idOf(1), ERROR);
  assertEquals(table.get(idOf(1)), { state: "failed", lastFailed: 5, numFailures: 1, error: ERROR, limits: "compile" });
  table.retryPreparing(idOf(1));
  assertEquals(table.get(idOf(1)), { state: "preparing", numFailures: 1 });
  clock.nowMs = 9;
  table.setFailed(idOf(1), ERROR);
  assertEquals(table.get(idOf(1)), { state: "failed", lastFailed: 9, numFailures: 2, error: ERROR, limits: "compile" });
});

Deno.test("ArtifactTable keeps a copy of what it is given", () => {
  const table = tableOn();
  const id = { ...idOf(1) };
  const file = fileOf(1);
  table.insertPrepared(id, file);
  file.checksum.fill(0);
  id.codeHash = idOf(2).codeHash;
  assertEquals([...table.entries()], [[idOf(1), { state: "prepared", ...fileOf(1), lastNeeded: 0 }]]);
});

Deno.test("ArtifactTable.touch() moves a prepared artifact's time and nothing else", () => {
  const clock = new ManualClock();
  const table = tableOn(clock);
  table.insertPrepared(idOf(1), fileOf(1));
  clock.nowMs = 7;
  assert(table.touch(idOf(1)));
  assertEquals(table.get(idOf(1)), { state: "prepared", ...fileOf(1), lastNeeded: 7 });
});

Deno.test("ArtifactTable.touch() and take() change nothing in other states", () => {
  const { prepared: _, ...others } = tablesByState();
  for (const table of Object.values(others)) {
    const before = [...table.entries()];
    assertEquals(table.touch(idOf(1)), false);
    assertEquals(table.take(idOf(1)), undefined);
    assertEquals([...table.entries()], before);
  }
});

Deno.test("ArtifactTable.take() takes only the artifact with the given file", () => {
  const table = tableOn();
  table.insertPrepared(idOf(1), fileOf(1));
  assertEquals(table.take(idOf(1), "/cache/2.pvf"), undefined);
  assertEquals(table.take(idOf(2), "/cache/1.pvf"), undefined);
  assertEquals(table.take(idOf(1), ""), undefined);
  assertEquals(table.size, 1);
  assertEquals(table.take(idOf(1), "/cache/1.pvf"), { id: idOf(1), path: "/cache/1.pvf", sizeBytes: 10 });
  assertEquals(table.size, 0);
});

Deno.test("ArtifactTable.takeStale() takes what is older than the TTL and not what is as old", () => {
  const clock = new ManualClock();
  const table = tableOn(clock);
  for (const age of [1000, 1001, 999, 0]) {
    clock.nowMs = 5000 - age;
    table.insertPrepared(idOf(age), fileOf(age));
  }
  clock.nowMs = 5000;
  assertEquals(table.takeStale(1000).map(({ id }) => id), [idOf(1001)]);
  assertEquals(table.takeStale(1000), []);
  assertEquals(table.takeStale(0).map(({ id }) => id), [idOf(1000), idOf(999)]);
  assertEquals([...table.entries()].map(([id]) => id), [idOf(0)]);
});

Deno.test("ArtifactTable.takeStale() takes nothing when the clock went backwards", () => {
  const clock = new ManualClock();
  const table = tableOn(clock);
  clock.nowMs = 1_000_000;
  table.insertPrepared(idOf(1), fileOf(1));
  clock.nowMs = -1_000_000;
  assertEquals(table.takeStale(0), []);
  clock.nowMs = 1_000_001;
  assertEquals(table.takeStale(0).length, 1);
});

Deno.test("ArtifactTable.takeStale() takes prepared artifacts only", () => {
  for (const [state, table] of Object.entries(tablesByState())) {
    const clockwise = table.takeStale(-1);
    assertEquals(clockwise.length, state === "prepared" ? 1 : 0);
  }
});

Deno.test("ArtifactTable forgets the oldest failure when there are too many", () => {
  const clock = new ManualClock();
  const table = tableOn(clock, 2);
  for (const number of [1, 2, 3, 4]) table.insertPreparing(idOf(number), 0);
  for (const number of [3, 1]) table.setFailed(idOf(number), ERROR);
  table.retryPreparing(idOf(3));
  table.setFailed(idOf(3), ERROR);
  assertEquals(table.size, 4);
  table.setFailed(idOf(2), ERROR);
  assertEquals(table.get(idOf(1)), undefined);
  assertEquals(table.get(idOf(3))?.state, "failed");
  assertEquals(table.get(idOf(4))?.state, "preparing");
  table.retryPreparing(idOf(3));
  table.setFailed(idOf(4), ERROR);
  assertEquals([...table.entries()].map(([id]) => id).length, 3);
});

Deno.test("ArtifactTable stays small under failures without end", () => {
  const table = tableOn(new ManualClock(), 10);
  for (let number = 0; number < 1000; number++) {
    table.insertPreparing(idOf(number), 0);
    table.setFailed(idOf(number), ERROR);
    assertEquals(table.size, Math.min(number + 1, 10));
  }
  assertEquals([...table.entries()].map(([id]) => id), Array.from({ length: 10 }, (_, index) => idOf(990 + index)));
});

Deno.test("ArtifactTable.bytes is the sum of what is prepared", () => {
  const table = tableOn();
  assertEquals(table.bytes, 0);
  table.insertPreparing(idOf(1), 0);
  table.insertPrepared(idOf(2), fileOf(2, 100));
  table.insertPrepared(idOf(3), fileOf(3, 20));
  assertEquals(table.bytes, 120);
  table.take(idOf(2));
  assertEquals(table.bytes, 20);
});

Deno.test("ArtifactTable.hasFile() tells the files of prepared artifacts", () => {
  const table = tableOn();
  table.insertPrepared(idOf(1), fileOf(1));
  assert(table.hasFile("/cache/1.pvf"));
  assert(!table.hasFile("/cache/2.pvf"));
});

/** Three artifacts of 1,024 bytes, which nobody needed for 5, 10 and 15 s. */
function agedTable(): ArtifactTable {
  let now = 0;
  const table = new ArtifactTable({ now: () => now, maxFailedEntries: 10 });
  for (const age of [15, 10, 5]) {
    now = 20_000 - age * 1_000;
    table.insertPrepared(idOf(age), { ...fileOf(age), sizeBytes: 1024 });
  }
  now = 20_000;
  return table;
}

Deno.test("test_pruned_by_cache_size: takeOverLimit() takes the least recently needed until the rest fits", () => {
  const table = agedTable();
  assertEquals(table.takeOverLimit(1_500, 0).map(({ id }) => id), [idOf(15), idOf(10)]);
  assertEquals(table.takeOverLimit(1_500, 0), []);
});

Deno.test("test_did_not_prune_by_cache_size_because_of_stale_time: takeOverLimit() leaves what was needed lately", () => {
  assertEquals(agedTable().takeOverLimit(1_500, 12_000).map(({ id }) => id), [idOf(15)]);
});

Deno.test("takeOverLimit() and takeStale() leave what a job needs, however old", () => {
  const isInUse = (id: ArtifactId): boolean => id.codeHash === idOf(15).codeHash;
  assertEquals(agedTable().takeOverLimit(1_500, 0, isInUse).map(({ id }) => id), [idOf(10), idOf(5)]);
  assertEquals(agedTable().takeStale(7_000, isInUse).map(({ id }) => id), [idOf(10)]);
});
