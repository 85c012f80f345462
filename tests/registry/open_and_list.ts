/** Opens the registry of the directory in the first argument, and prints what the clean-up did. */
import { ArtifactRegistry } from "../../src/registry/registry.ts";

await using registry = await ArtifactRegistry.open({ path: Deno.args[0] ?? "" });
const { removed, failures } = registry.cleanUp;
const output = {
  path: registry.path,
  removed,
  failures: failures.map(({ name, error }) => ({ name, error: error.message })),
};
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(output)));
