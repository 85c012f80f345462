/** A registry, a worker program and workers without a host around them: for tests of one worker. */
import { delay } from "@std/async/delay";
import { exists } from "@std/fs";
import { WorkerProgram } from "../../src/worker_process/program.ts";
import { ArtifactRegistry } from "../../src/registry/registry.ts";
import { type SpawnEnvironment, spawnWorker } from "../../src/worker_process/spawn.ts";
import type { IdleWorker } from "../../src/worker_process/idle_worker.ts";
import type { PrepareJob } from "../../src/worker_process/prepare_job.ts";
import type { WorkerKind } from "../../src/worker_process/worker_kind.ts";
import { loadCryptoWasm } from "../../src/crypto/load.ts";
import type { JobLimits } from "../../src/protocol/job_limits.ts";
import { jobLimitsFor, resolveWorkerLimits, type WorkerLimits } from "../../src/worker_limits.ts";
import { script, SCRIPT_ENGINE } from "./script_engine.ts";

export const NEVER = new AbortController().signal;

/** Everything that a worker needs, in a directory of its own. */
export class Lab implements AsyncDisposable {
  private constructor(readonly registry: ArtifactRegistry, readonly environment: SpawnEnvironment) {}

  /** Workers run scripts, unless another engine is given; `null` stands for the PVF engine. */
  static async open(options: Partial<SpawnEnvironment> & { engineSource?: string | null } = {}): Promise<Lab> {
    const { engineSource = SCRIPT_ENGINE, ...given } = options;
    const path = await Deno.makeTempDir({ prefix: "kiln-lab-" });
    const registry = await ArtifactRegistry.open({ path });
    const program = await WorkerProgram.write(registry.newPath("kiln-worker-program-"), engineSource ?? undefined);
    return new Lab(registry, {
      denoPath: Deno.execPath(),
      mainPath: program.mainPath,
      cryptoWasm: await loadCryptoWasm(),
      spawnTimeoutMs: 20_000,
      newPath: (prefix) => registry.newPath(prefix),
      onWarning: (message, error) => {
        throw new Error(message, { cause: error });
      },
      ...given,
    });
  }

  get cachePath(): string {
    return this.registry.path;
  }

  spawn(kind: WorkerKind, signal: AbortSignal = NEVER): Promise<IdleWorker> {
    return spawnWorker(this.environment, kind, 4096, signal);
  }

  /** The directories of workers that are there now. */
  workerDirectories(): string[] {
    return Array.from(Deno.readDirSync(this.cachePath))
      .filter((entry) => entry.name.startsWith("worker-dir"))
      .map((entry) => `${this.cachePath}/${entry.name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry.close();
    await Deno.remove(this.cachePath, { recursive: true });
  }
}

/** What a job of a script may use, besides this much CPU time. */
export function jobLimits(cpuTimeMs: number, limits: Partial<WorkerLimits> = {}): JobLimits {
  return jobLimitsFor({ maxMemoryPages: 2080 }, cpuTimeMs, resolveWorkerLimits(limits));
}

/** A job whose code is a script. */
export function prepareJob(code: string, timeoutMs = 20_000, limits: Partial<WorkerLimits> = {}): PrepareJob {
  return {
    code: script(code),
    codeHash: new Uint8Array(32).fill(1),
    prepHash: new Uint8Array(32).fill(2),
    kind: "precheck",
    wasmExtBulkMemory: false,
    codeBombLimitBytes: 2 ** 20,
    limits: jobLimits(timeoutMs, limits),
  };
}

/** Waits until a file is there: how a script says that it has come to a point. */
export async function fileExists(path: string): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (await exists(path)) return;
    await delay(10);
  }
  throw new Error(`${path} did not appear`);
}
