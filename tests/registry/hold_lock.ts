/** Opens the registry of the directory in the first argument, says so, and keeps it open until standard input ends. */
import { ArtifactRegistry } from "../../src/registry/registry.ts";

await using registry = await ArtifactRegistry.open({ path: Deno.args[0] ?? "" });
await Deno.stdout.write(new TextEncoder().encode(`open ${registry.path}\n`));
while (await Deno.stdin.read(new Uint8Array(1)) !== null);
