import { join, toFileUrl } from "@std/path";
import type { ArtifactId } from "../../src/registry/artifact.ts";
import { ArtifactRegistry } from "../../src/registry/registry.ts";
import type { ArtifactRegistryOptions } from "../../src/registry/registry_options.ts";

/** For tests in which a file or an operation that was left open is a fault. */
export const LEAK_FREE = { sanitizeOps: true, sanitizeResources: true };

export const STATS = { decompressedBytes: 1000, cpuTimeMs: 12.5, maxRssKib: 90_000 };

/** A directory of the test's own, that goes with the test. */
export class TempDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TempDirectory> {
    return new TempDirectory(await Deno.realPath(await Deno.makeTempDir({ prefix: "kiln-registry-test-" })));
  }

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Ids that differ in their code hash. */
export function idOf(number: number): ArtifactId {
  return { codeHash: `0x${number.toString(16).padStart(64, "0")}`, prepHash: `0x${"ee".repeat(32)}` };
}

export async function announce(content: Uint8Array<ArrayBuffer>): Promise<{ sizeBytes: number; checksum: Uint8Array }> {
  return { sizeBytes: content.length, checksum: new Uint8Array(await crypto.subtle.digest("SHA-256", content)) };
}

/** A clock that only the test moves. */
export class ManualClock {
  nowMs = 0;
  readonly now = (): number => this.nowMs;
}

/** A registry in a new directory, with a place for what a worker would leave. */
export class RegistryFixture implements AsyncDisposable {
  readonly directory: TempDirectory;
  readonly registry: ArtifactRegistry;
  readonly clock: ManualClock;
  readonly workerDirectory: string;

  private constructor(directory: TempDirectory, registry: ArtifactRegistry, clock: ManualClock) {
    this.directory = directory;
    this.registry = registry;
    this.clock = clock;
    this.workerDirectory = registry.newPath("worker-dir-prepare-");
  }

  static async open(options: Omit<ArtifactRegistryOptions, "path" | "now"> = {}): Promise<RegistryFixture> {
    const directory = await TempDirectory.make();
    const clock = new ManualClock();
    const registry = await ArtifactRegistry.open({ path: directory.at("cache"), now: clock.now, ...options });
    const fixture = new RegistryFixture(directory, registry, clock);
    await Deno.mkdir(fixture.workerDirectory);
    return fixture;
  }

  /** Goes all the way from a worker's file to a prepared artifact; gives back its path. */
  async prepare(id: ArtifactId, content: Uint8Array<ArrayBuffer>): Promise<string> {
    this.registry.insertPreparing(id);
    const source = await this.leave(content);
    const announced = await announce(content);
    const published = await this.registry.publish(source, announced);
    this.registry.setPrepared(id, { ...published, checksum: announced.checksum, stats: STATS });
    return published.path;
  }

  /** Leaves a file as a worker does; gives back its path. */
  async leave(content: Uint8Array): Promise<string> {
    const path = join(this.workerDirectory, "tmp-artifact");
    await Deno.writeFile(path, content);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry.close();
    await this.directory[Symbol.asyncDispose]();
  }
}

/** The names in a directory, sorted. */
export async function namesIn(directory: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(directory));
  return entries.map(({ name }) => name).sort();
}

/** What to run in a process of its own, and how. */
export interface ConfinedOptions {
  /** The script, beside the tests. */
  readonly script: string;
  /** The cache directory, spelled as it is to be granted. */
  readonly cache: string;
  readonly cwd: string;
  readonly flags?: readonly string[];
}

/** A process with the permissions of a host: its cache directory and nothing else. */
export function confined({ script, cache, cwd, flags = [] }: ConfinedOptions): Deno.Command {
  const permissions = ["--no-prompt", `--allow-read=${cache}`, `--allow-write=${cache}`, ...flags];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-config", "--no-lock", importMapFlag(), ...permissions, scriptUrl(script), cache],
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

/** The script finds packages where the tests find them, whatever configuration these run with. */
function importMapFlag(): string {
  const imports = { "@std/path": import.meta.resolve("@std/path") };
  return `--import-map=data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
}

function scriptUrl(name: string): string {
  return toFileUrl(join(import.meta.dirname ?? "", name)).href;
}

/** Runs to the end; gives back what was printed, or throws what went wrong. */
export async function outputOf(command: Deno.Command): Promise<string> {
  const child = command.spawn();
  await child.stdin.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
