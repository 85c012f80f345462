/**
 * What is left when a host is killed at any step of its work on the disk, and what the next one makes of it. Programs in `crash/` kill
 * themselves at the step that they are told.
 */
import { assert, assertEquals, assertMatch, equal } from "@std/assert";
import { delay } from "@std/async/delay";
import { pooledMap } from "@std/async/pool";
import { join } from "@std/path";
import { ValidationHost } from "../../src/host.ts";
import { Pvf } from "../../src/pvf.ts";
import { ArtifactRegistry } from "../../src/registry/registry.ts";
import { ARTIFACT, idOf } from "./crash/artifact.ts";
import { Cache } from "./crash/cache.ts";
import type { Fault } from "./crash/fault_plan.ts";
import { faultsIn, run, someFaultsIn } from "./crash/run.ts";
import { PEACEFUL } from "./crash/scripts.ts";
import { processesWith } from "./processes.ts";
import { script, SCRIPT_ENGINE } from "./script_engine.ts";

/** How many crashes are tried at a time. */
const AT_A_TIME = 3;

/** Tries every crash, each on a cache directory of its own, and what comes afterwards. */
async function crashAll(program: string, faults: Fault[], afterwards: (cache: Cache) => Promise<void>): Promise<void> {
  const crashed = pooledMap(AT_A_TIME, faults, async (fault) => {
    await using cache = await Cache.make();
    const { steps, end } = await run(program, cache.path, fault);
    const what = `${fault.moment} ${fault.step} (${fault.nth})`;
    assert(steps.includes(fault.step), what);
    assertEquals(end, "SIGKILL", what);
    try {
      await afterwards(cache);
    } catch (error) {
      throw new Error(`Killed ${what}: ${error}`, { cause: error });
    }
  });
  await Array.fromAsync(crashed);
}

/** The steps of a life without a crash, which must come to all of these. */
async function stepsOf(program: string, wanted: Record<string, string[]>): Promise<string[]> {
  await using cache = await Cache.make();
  const { steps, end } = await run(program, cache.path);
  assertEquals(end, "status 0: ");
  for (const [phase, names] of Object.entries(wanted)) {
    for (const name of names) assert(steps.includes(`${phase}: ${name}`), `no step "${phase}: ${name}"`);
  }
  return steps;
}

/** Takes a worker's file over, as if nothing had happened. */
async function publishAnew(registry: ArtifactRegistry): Promise<void> {
  const directory = registry.newPath("worker-dir-prepare-");
  await Deno.mkdir(directory);
  await Deno.writeFile(join(directory, "tmp-artifact"), ARTIFACT);
  const checksum = new Uint8Array(await crypto.subtle.digest("SHA-256", ARTIFACT));
  const announced = { sizeBytes: ARTIFACT.length, checksum };
  registry.insertPreparing(idOf(1));
  const published = await registry.publish(join(directory, "tmp-artifact"), announced);
  assertEquals(await Deno.readFile(published.path), ARTIFACT);
  await registry.discard(published.path);
  await Deno.remove(directory, { recursive: true });
}

/** The second start trusts nothing that it finds, and deletes all of it that is not a user's. */
async function startAgain(cache: Cache): Promise<void> {
  assert(cache.artifacts().every((artifact) => equal(artifact, ARTIFACT)), "what is not whole has an artifact's name");
  {
    await using registry = await ArtifactRegistry.open({ path: cache.path });
    assertEquals(registry.cleanUp.failures, []);
    assertEquals([registry.size, cache.others()], [0, ["kiln.lock"]]);
    await publishAnew(registry);
  }
  assertEquals(cache.others(), []);
}

/** The same, while workers of the host that was killed may still be alive. */
async function startAgainAtOnce(cache: Cache): Promise<void> {
  await using registry = await ArtifactRegistry.open({ path: cache.path });
  while (processesWith(cache.path).length > 0) await delay(5);
  assertEquals(registry.cleanUp.failures, []);
  assertEquals(cache.others(), ["kiln.lock"]);
}

/** An artifact of a script ends with the script, and a script ends like this. */
const WHOLE_SCRIPT = /\n\}$/;

/** The same of a whole host. */
async function validateAnew(cache: Cache): Promise<void> {
  for (const artifact of cache.artifacts()) assertMatch(new TextDecoder().decode(artifact), WHOLE_SCRIPT);
  {
    await using host = await ValidationHost.start({
      cachePath: cache.path,
      engineSource: SCRIPT_ENGINE,
      spareExecuteWorkers: 0,
      spawnTimeoutMs: 20_000,
    });
    assertEquals(host.artifacts.cleanUp.failures, []);
    const others = cache.others().filter((name) => !name.startsWith("kiln-worker-program-"));
    assertEquals([host.artifacts.size, others], [0, ["kiln.lock"]]);
    const outcome = await host.execute(await Pvf.fromCode(script(PEACEFUL)), { params: new Uint8Array() });
    assertEquals(outcome.kind === "valid" && new TextDecoder().decode(outcome.result), "yes");
    await host.prune(0);
  }
  assertEquals(cache.others(), []);
  assertEquals(processesWith(cache.path), []);
}

Deno.test("a registry that is killed at any step leaves nothing that the next one trusts or does not delete", async () => {
  const steps = await stepsOf("registry_life.ts", {
    start: ["open", "tryLock", "truncate", "write", "remove", "chmod", "rename", "removeTree"],
    publish: ["open", "write", "sync", "rename"],
    discard: ["remove"],
    remove: ["remove"],
    prune: ["remove"],
    "prune to size": ["remove"],
    close: ["removeSync"],
  });
  await crashAll("registry_life.ts", faultsIn(steps), startAgain);
});

Deno.test("a host that is killed at any step is followed by one that starts anew and leaves nothing", async () => {
  const steps = await stepsOf("host_life.ts", {
    start: ["open", "tryLock", "write", "remove", "rename", "removeTree", "mkdir", "writeTextFile"],
    prepare: ["mkdir", "writeFile", "open", "write", "sync", "rename", "remove"],
    execute: ["mkdir", "copyFile", "remove"],
    prune: ["remove"],
    close: ["chmod", "rename", "removeTree", "removeSync"],
  });
  await crashAll("host_life.ts", someFaultsIn(steps), validateAnew);
});

Deno.test("a host that is killed while its workers write is followed by one that leaves nothing of theirs", async () => {
  const fault: Fault = { step: "prune: remove", nth: 0, moment: "after" };
  await crashAll("host_life.ts", new Array(8).fill(fault), startAgainAtOnce);
});
