/** A registry from its start to its end, with everything that it does to the disk. */
import { join } from "@std/path";
import type { ArtifactId } from "../../../src/registry/artifact.ts";
import { ArtifactRegistry } from "../../../src/registry/registry.ts";
import { ARTIFACT, idOf } from "./artifact.ts";
import { fromArguments } from "./fault_plan.ts";

const { path, plan } = fromArguments();
const announced = {
  sizeBytes: ARTIFACT.length,
  checksum: new Uint8Array(await crypto.subtle.digest("SHA-256", ARTIFACT)),
};
let nowMs = 0;

async function prepare(id: ArtifactId): Promise<string> {
  plan.phase = "publish";
  registry.insertPreparing(id);
  const published = await registry.publish(source, announced);
  const stats = { decompressedBytes: 1, cpuTimeMs: 1, maxRssKib: 1 };
  registry.setPrepared(id, { ...published, checksum: announced.checksum, stats });
  return published.path;
}

plan.phase = "start";
const registry = await ArtifactRegistry.open({ path, now: () => nowMs });

plan.phase = "worker";
const workerDirectory = registry.newPath("worker-dir-prepare-");
await Deno.mkdir(workerDirectory);
const source = join(workerDirectory, "tmp-artifact");
await Deno.writeFile(source, ARTIFACT);

const bad = await prepare(idOf(1));
plan.phase = "remove";
await registry.remove(idOf(1), bad);

plan.phase = "discard";
await registry.discard((await registry.publish(source, announced)).path);

for (const number of [2, 3, 4]) await prepare(idOf(number));
plan.phase = "prune";
nowMs = 10;
registry.touch(idOf(4));
await registry.prune(5);
plan.phase = "prune to size";
await registry.pruneToSize(0, 0);

plan.phase = "close";
await registry.close();
