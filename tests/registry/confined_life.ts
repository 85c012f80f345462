/** Takes an artifact through its whole life in the directory of the first argument. */
import { join } from "@std/path";
import { ArtifactRegistry } from "../../src/registry/registry.ts";

const content = new TextEncoder().encode("an artifact");
const checksum = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
const stats = { decompressedBytes: 1000, cpuTimeMs: 12.5, maxRssKib: 90_000 };
const id = { codeHash: `0x${"c0".repeat(32)}`, prepHash: `0x${"01".repeat(32)}` };

function check(isGood: boolean, what: string): void {
  if (!isGood) throw new Error(`Cannot go on: ${what} wanted`);
}

async function prepare(registry: ArtifactRegistry): Promise<string> {
  const workerDirectory = registry.newPath("worker-dir-prepare-");
  await Deno.mkdir(workerDirectory);
  await Deno.writeFile(join(workerDirectory, "tmp-artifact"), content);
  registry.insertPreparing(id);
  const announced = { sizeBytes: content.length, checksum };
  const published = await registry.publish(join(workerDirectory, "tmp-artifact"), announced);
  registry.setPrepared(id, { ...published, checksum, stats });
  return published.path;
}

async function live(path: string): Promise<void> {
  await using registry = await ArtifactRegistry.open({ path });
  const artifact = await prepare(registry);
  check(await Deno.readTextFile(artifact) === "an artifact", "the artifact on disk");
  check((await registry.remove(id, artifact))?.error === undefined, "no error");
  await prepare(registry);
}

const path = Deno.args[0] ?? "";
await live(path);
await using registry = await ArtifactRegistry.open({ path });
check(registry.cleanUp.removed.length === 3 && registry.cleanUp.failures.length === 0, "a complete clean-up");
await Deno.stdout.write(new TextEncoder().encode("all good"));
