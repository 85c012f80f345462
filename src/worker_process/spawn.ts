/** Starts workers. */
import { PAGE_BYTES } from "../protocol/job_limits.ts";
import { HANDSHAKE, READY } from "../protocol/messages.ts";
import { KILN_VERSION } from "../protocol/version.ts";
import { exchange } from "./exchange.ts";
import { IdleWorker } from "./idle_worker.ts";
import type { OuterBounds, OuterWall } from "./outer_sandbox.ts";
import { workerCommand } from "./sandbox.ts";
import { settling } from "./settling.ts";
import { WorkerDir } from "./worker_dir.ts";
import type { WorkerKind } from "./worker_kind.ts";
import { WorkerProcess } from "./worker_process.ts";

/** A worker that could not be started. */
export class SpawnError extends Error {
  override name = "SpawnError";
}

/** What every worker of a host is started with. */
export interface SpawnEnvironment {
  readonly denoPath: string;
  /** The worker program's main file. */
  readonly mainPath: string;
  /** The module that hashes and verifies. */
  readonly cryptoWasm: Uint8Array;
  /** How long a worker may take from its start to the end of its handshake, in milliseconds. */
  readonly spawnTimeoutMs: number;
  /** The second wall, if there is one, and what the kernel bounds by it besides the memory of code. */
  readonly outer?: OuterWall | undefined;
  /** A fresh absolute path in the cache directory that begins with `prefix`. */
  newPath(prefix: `worker-dir-${string}`): string;
  /** Told what went wrong where nobody waits for an answer. */
  onWarning(message: string, error: unknown): void;
}

/** Starts a worker and shakes hands with it. Throws {@linkcode SpawnError}, or the signal's reason. */
export async function spawnWorker(
  environment: SpawnEnvironment,
  kind: WorkerKind,
  maxMemoryPages: number,
  signal: AbortSignal,
): Promise<IdleWorker> {
  signal.throwIfAborted();
  const worker = await startProcess(environment, kind, maxMemoryPages);
  worker.maxMemoryPages = maxMemoryPages;
  if (environment.outer) worker.mayBeKilled = settling(worker.exited);
  try {
    await shakeHands(worker, environment, signal);
    return new IdleWorker(worker);
  } catch (error) {
    await worker.retire();
    throw error;
  }
}

async function startProcess(
  { denoPath, mainPath, outer, newPath, onWarning }: SpawnEnvironment,
  kind: WorkerKind,
  maxMemoryPages: number,
): Promise<WorkerProcess> {
  const path = newPath(`worker-dir-${kind === "prepare-worker" ? "prepare" : "execute"}-`);
  let directory: WorkerDir;
  try {
    directory = await WorkerDir.create(path);
  } catch (error) {
    throw new SpawnError(`Cannot start a worker: its directory "${path}" cannot be made`, { cause: error });
  }
  try {
    const versions = [KILN_VERSION, Deno.version.deno];
    const command = workerCommand({
      denoPath,
      kind,
      mainPath,
      versions,
      directory: directory.realPath,
      maxMemoryPages,
      outer: outer && { sandbox: outer.sandbox, bounds: withMemory(outer.bounds, maxMemoryPages) },
    });
    return new WorkerProcess(kind, command.spawn(), directory, onWarning);
  } catch (error) {
    await directory.remove();
    throw new SpawnError(`Cannot start a worker: "${denoPath}" cannot be run`, { cause: error });
  }
}

function withMemory(bounds: OuterBounds, pages: number): OuterBounds {
  return { ...bounds, dataBytes: bounds.dataBytes + pages * PAGE_BYTES };
}

/** A worker that ends before it is ready is noticed by the end of its output, long before the time is up. */
async function shakeHands(
  worker: WorkerProcess,
  { cryptoWasm, spawnTimeoutMs }: SpawnEnvironment,
  signal: AbortSignal,
): Promise<void> {
  const { deno: denoVersion, v8: v8Version } = Deno.version;
  const message = { requestId: worker.nextRequestId(), kilnVersion: KILN_VERSION, denoVersion, cryptoWasm };
  const shaken = await exchange(worker, { kind: HANDSHAKE, message }, READY, { timeoutMs: spawnTimeoutMs, signal });
  if (shaken.kind !== "answered") throw new SpawnError(`Cannot start a worker: ${shaken.message}`);
  const found = describe(shaken.answer);
  const wanted = describe({ kilnVersion: KILN_VERSION, denoVersion, v8Version });
  if (found !== wanted) throw new SpawnError(`Cannot use a worker: it is ${found}, ${wanted} wanted`);
}

function describe(version: { kilnVersion: string; denoVersion: string; v8Version: string }): string {
  return `Kiln ${version.kilnVersion} on Deno ${version.denoVersion} with V8 ${version.v8Version}`;
}
