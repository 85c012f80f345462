/**
 * One preparation that is tampered with, by its own worker or by somebody in its place, and what has to hold whatever comes of it.
 * Whoever prepares can write and not read: that a file is gone is heard by its not being there to be written to.
 */
import { assert, assertEquals } from "@std/assert";
import { basename } from "@std/path";
import { type PrepareJobOutcome, runPrepareJob } from "../../src/worker_process/prepare_job.ts";
import { HOSTILE_ENGINE } from "./hostile_worker.ts";
import { fileExists, Lab, NEVER, prepareJob } from "./lab.ts";
import { checksum } from "./poisoning.ts";
import { processesWith } from "./processes.ts";

/** Prepares honest code, and checks that its artifact is what it was announced as. */
async function assertPrepares(lab: Lab): Promise<void> {
  const outcome = await runPrepareJob(await lab.spawn("prepare-worker"), prepareJob("{}"), lab.registry, NEVER);
  assert(outcome.kind === "concluded" && "path" in outcome.result, JSON.stringify(outcome));
  if (outcome.worker) await outcome.worker.retire();
  assertEquals(await checksum(outcome.result.path), outcome.result.checksum.toHex());
}

/** What a test does meanwhile in the worker's directory; `ended` resolves when the worker's process has ended. */
export type Meanwhile = (directory: string, ended: Promise<unknown>) => Promise<void>;

/** The CPU time of a preparation: what goes wrong in one must not keep its test waiting. */
const TIMEOUT_MS = 5_000;

/**
 * Runs one preparation. Whatever comes of it, what is published is what was announced, from its publication on to the end of the
 * worker; nothing else is left; and honest code can be prepared.
 */
export async function prepare(code: string, meanwhile: Meanwhile = async () => {}): Promise<PrepareJobOutcome> {
  await using lab = await Lab.open({ engineSource: HOSTILE_ENGINE });
  const idle = await lab.spawn("prepare-worker");
  const [directory = ""] = lab.workerDirectories();
  const stop = new AbortController();
  const acting = meanwhile(directory, idle.exited).catch((error) => stop.abort(error));
  const outcome = await runPrepareJob(idle, prepareJob(code, TIMEOUT_MS), lab.registry, stop.signal);
  const published = outcome.kind === "concluded" && "path" in outcome.result ? [outcome.result] : [];
  for (const { path, checksum: announced } of published) assertEquals(await checksum(path), announced.toHex());
  if ("worker" in outcome) await outcome.worker?.retire();
  await acting;
  for (const { path, checksum: announced } of published) assertEquals(await checksum(path), announced.toHex());
  const artifacts = Array.from(Deno.readDirSync(lab.cachePath), ({ name }) => name).filter((name) => /pvf$/.test(name));
  assertEquals(artifacts, published.map(({ path }) => basename(path)));
  assertEquals(lab.workerDirectories(), []);
  assertEquals(processesWith(lab.cachePath), []);
  await assertPrepares(lab);
  return outcome;
}

/** Statements that wait until somebody else has removed a file. */
export function untilGone(path: string): string {
  return `for (;;) try { Deno.openSync(${path}, { write: true }).close(); sleep(1); } catch { break; }`;
}

/** Statements that wait until somebody else has made a file, and remove it. */
export function untilThere(path: string): string {
  return `for (;;) try { Deno.removeSync(${path}); break; } catch { sleep(1); }`;
}

/** Statements that say that a worker has come here, and wait until the test has acted. */
export const LET_THE_TEST_ACT: string = `Deno.writeTextFileSync("begun", ""); ${untilGone(`"begun"`)}`;

/** Acts while a worker waits for it. */
export async function act(directory: string, how: (artifact: string) => Promise<unknown>): Promise<void> {
  await fileExists(`${directory}/begun`);
  await how(`${directory}/tmp-artifact`);
  await Deno.remove(`${directory}/begun`);
}
