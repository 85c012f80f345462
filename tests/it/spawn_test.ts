/** Starting workers, and every way in which that fails. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { SpawnError } from "../../src/worker_process/spawn.ts";
import { Lab, NEVER } from "./lab.ts";
import { processesWith } from "./processes.ts";

/** Spawns in the lab, expects that to fail, and that nothing is left. */
async function failingSpawn(lab: Lab): Promise<SpawnError> {
  const error = await assertRejects(() => lab.spawn("prepare-worker"), SpawnError);
  assertEquals(processesWith(lab.cachePath), []);
  assertEquals(lab.workerDirectories(), []);
  return error;
}

Deno.test("spawnWorker() gives a worker of either kind, in a directory that only its owner can enter", async () => {
  await using lab = await Lab.open();
  for (const kind of ["prepare-worker", "execute-worker"] as const) {
    const worker = await lab.spawn(kind);
    const [directory = ""] = lab.workerDirectories();
    assertEquals(((await Deno.stat(directory)).mode ?? 0) & 0o777, 0o700);
    assertStringIncludes(directory, kind === "prepare-worker" ? "worker-dir-prepare-" : "worker-dir-execute-");
    await worker.retire();
    assertEquals(lab.workerDirectories(), []);
  }
});

Deno.test("spawnWorker() notices at once that the worker exits, and tells what it wrote last", async () => {
  await using lab = await Lab.open({
    engineSource: `export const engine = {}; throw new Error("broken at the start");`,
    spawnTimeoutMs: 60_000,
  });
  const start = performance.now();
  const { message } = await failingSpawn(lab);
  assertStringIncludes(message, "exited with status 1");
  assertStringIncludes(message, "broken at the start");
  assert(performance.now() - start < 30_000, "it did not wait for the spawn timeout");
});

Deno.test("spawnWorker() gives up when the worker is not ready in time", async () => {
  await using lab = await Lab.open({ engineSource: "export const engine = {}; for (;;);", spawnTimeoutMs: 300 });
  assertStringIncludes((await failingSpawn(lab)).message, "300 ms");
});

Deno.test("spawnWorker() tells that the program to run is not there", async () => {
  await using lab = await Lab.open({ denoPath: "/nonexistent/deno" });
  assertStringIncludes((await failingSpawn(lab)).message, "/nonexistent/deno");
});

Deno.test("spawnWorker() tells that the worker's directory cannot be made", async () => {
  await using lab = await Lab.open({ newPath: () => "/nonexistent/worker-dir-prepare-x" });
  assertStringIncludes((await failingSpawn(lab)).message, "/nonexistent/worker-dir-prepare-x");
});

Deno.test("spawnWorker() refuses a worker program of another version", async () => {
  await using lab = await Lab.open();
  const versionFile = join(lab.environment.mainPath, "../../protocol/version.js");
  await Deno.writeTextFile(versionFile, `export const KILN_VERSION = "9.9.9";`);
  assertStringIncludes((await failingSpawn(lab)).message, "this worker is Kiln 9.9.9");
});

Deno.test("spawnWorker() refuses a worker that lies in its handshake", async () => {
  await using lab = await Lab.open();
  const stdio = join(lab.environment.mainPath, "../stdio.js");
  const source = await Deno.readTextFile(stdio);
  await Deno.writeTextFile(
    stdio,
    source.replace("encodeFrame(kind, message)", `encodeFrame(kind, { ...message, v8Version: "0" })`),
  );
  assertStringIncludes((await failingSpawn(lab)).message, "with V8 0,");
});

Deno.test("spawnWorker() rejects with the signal's reason, and leaves nothing", async () => {
  await using lab = await Lab.open({ engineSource: "export const engine = {}; for (;;);" });
  const abort = new AbortController();
  const spawned = lab.spawn("prepare-worker", abort.signal);
  setTimeout(() => abort.abort(new Error("enough")), 50);
  await assertRejects(() => spawned, Error, "enough");
  await assertRejects(() => lab.spawn("prepare-worker", abort.signal), Error, "enough");
  assertEquals(processesWith(lab.cachePath), []);
  assertEquals(lab.workerDirectories(), []);
});

Deno.test("an idle worker can be taken once", async () => {
  await using lab = await Lab.open();
  const idle = await lab.spawn("prepare-worker", NEVER);
  const process = idle.take();
  let message = "";
  try {
    idle.take();
  } catch (error) {
    message = (error as Error).message;
  }
  assertStringIncludes(message, "its process was taken by a job");
  await process.retire();
});

Deno.test("a worker ends by itself when its host is gone", async () => {
  await using lab = await Lab.open();
  const idle = await lab.spawn("execute-worker");
  const worker = idle.take();
  await worker.endInput();
  assertEquals((await worker.exited).code, 0);
  await worker.retire();
});
