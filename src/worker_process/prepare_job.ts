/** One prepare job on one worker. */
import { errorText } from "../error_text.ts";
import { PREPARE_REQUEST, PREPARE_RESPONSE, type PrepareRequest, type PrepareResponse } from "../protocol/messages.ts";
import { TMP_ARTIFACT } from "../protocol/worker_files.ts";
import type { ArtifactFile } from "../registry/artifact.ts";
import { exchangeJob } from "./exchange.ts";
import { IdleWorker } from "./idle_worker.ts";
import { wallClockLimitMs } from "./limits.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** What to prepare, and the CPU time that it may take. */
export interface PrepareJob extends Omit<PrepareRequest, "requestId" | "cpuTimeLimitMs"> {
  readonly timeoutMs: number;
}

/** Takes the file that a worker made over, out of the worker's reach. */
export interface ArtifactSink {
  publish(
    source: string,
    announced: { sizeBytes: number; checksum: Uint8Array },
  ): Promise<{ path: string; sizeBytes: number }>;
  discard(path: string): Promise<void>;
}

type Failed = Extract<PrepareResponse["result"], { kind: "failed" }>;

/** How a prepare job ended. Where there is a worker, it is healthy; otherwise it is gone. */
export type PrepareJobOutcome =
  /** The worker did what it was asked to: there is an artifact, or the reason why there cannot be one. */
  | { kind: "concluded"; worker: IdleWorker; result: ArtifactFile | Pick<Failed, "error" | "message"> }
  /** The request could not be handed to the worker. */
  | { kind: "unreachable"; message: string }
  /** The file that the worker writes to could not be created. Nothing was sent. */
  | { kind: "create-tmp-file"; message: string }
  /** What the worker wrote could not be published. */
  | { kind: "rename-tmp-file"; message: string }
  /** The worker's directory could not be cleared after the job. */
  | { kind: "clear-worker-dir"; message: string }
  /** The job took more CPU time than it may, or more wall-clock time than goes with that. */
  | { kind: "timed-out"; message: string }
  /** The answer could not be received or made no sense. */
  | { kind: "io-error"; message: string }
  /** The worker ran out of memory. */
  | { kind: "out-of-memory"; message: string }
  /** The worker process ended during the job. */
  | { kind: "job-died"; message: string };

/** Runs one job. Rejects only with the signal's reason. */
export async function runPrepareJob(
  idle: IdleWorker,
  job: PrepareJob,
  sink: ArtifactSink,
  signal: AbortSignal,
): Promise<PrepareJobOutcome> {
  return await idle.serve((worker) => attempt(worker, job, sink, signal));
}

async function attempt(
  worker: WorkerProcess,
  { timeoutMs, ...job }: PrepareJob,
  sink: ArtifactSink,
  signal: AbortSignal,
): Promise<PrepareJobOutcome> {
  const tmpArtifact = worker.directory.file(TMP_ARTIFACT);
  try {
    await Deno.writeFile(tmpArtifact, new Uint8Array(), { createNew: true });
  } catch (error) {
    return { kind: "create-tmp-file", message: errorText(error) };
  }
  const message = { ...job, requestId: worker.nextRequestId(), cpuTimeLimitMs: timeoutMs };
  const limits = { timeoutMs: wallClockLimitMs(timeoutMs), signal };
  const exchanged = await exchangeJob(worker, { kind: PREPARE_REQUEST, message }, PREPARE_RESPONSE, limits);
  if (exchanged.kind === "out-of-time") return outOfTime(exchanged.cpuTimeMs, timeoutMs);
  if (exchanged.kind === "died") return { kind: "job-died", message: exchanged.message };
  if (exchanged.kind !== "answered") return exchanged;
  return await conclude(worker, exchanged.answer, timeoutMs, sink);
}

function outOfTime(cpuTimeMs: number, timeoutMs: number): PrepareJobOutcome {
  const message = `The preparation took ${cpuTimeMs} ms of CPU time, at most ${timeoutMs} ms allowed`;
  return { kind: "timed-out", message };
}

/** The worker's own account is checked once more, and what it made is taken over before its directory is cleared. */
async function conclude(
  worker: WorkerProcess,
  { result, cpuTimeUs, maxRssKib }: PrepareResponse,
  timeoutMs: number,
  sink: ArtifactSink,
): Promise<PrepareJobOutcome> {
  const cpuTimeMs = cpuTimeUs / 1000;
  if (cpuTimeMs > timeoutMs) return outOfTime(cpuTimeMs, timeoutMs);
  let published: { path: string; sizeBytes: number } | undefined;
  try {
    if (result.kind === "prepared") {
      const announced = { sizeBytes: result.artifactBytes, checksum: result.checksum };
      published = await sink.publish(worker.directory.file(TMP_ARTIFACT), announced);
    }
  } catch (error) {
    return { kind: "rename-tmp-file", message: errorText(error) };
  }
  try {
    await worker.directory.clear();
  } catch (error) {
    if (published) await sink.discard(published.path);
    return { kind: "clear-worker-dir", message: errorText(error) };
  }
  const idle = new IdleWorker(worker);
  if (result.kind === "failed" || !published) return { kind: "concluded", worker: idle, result: result as Failed };
  const { checksum, decompressedBytes } = result;
  const stats = { decompressedBytes, cpuTimeMs, maxRssKib };
  return { kind: "concluded", worker: idle, result: { ...published, checksum: checksum.slice(), stats } };
}
