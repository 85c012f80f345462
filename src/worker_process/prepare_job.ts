/** One prepare job on one worker. */
import { errorText } from "../error_text.ts";
import type { JobLimits, WatchedLimit } from "../protocol/job_limits.ts";
import { PREPARE_REQUEST, PREPARE_RESPONSE, type PrepareRequest, type PrepareResponse } from "../protocol/messages.ts";
import { TMP_ARTIFACT } from "../protocol/worker_files.ts";
import type { ArtifactFile } from "../registry/artifact.ts";
import { exchangeJob } from "./exchange.ts";
import { IdleWorker } from "./idle_worker.ts";
import { describeBreach } from "./limits.ts";
import { watchDirectory } from "./watch_directory.ts";
import { DirectoryLimitError } from "./worker_dir.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** What to prepare, and what that may take. */
export type PrepareJob = Omit<PrepareRequest, "requestId">;

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
  /** There was more in the worker's directory than there may be. */
  | { kind: "directory-limit"; message: string }
  /** The worker's directory could not be cleared after the job. */
  | { kind: "clear-worker-dir"; message: string }
  /** The job took more CPU time than it may, or more wall-clock time than goes with that. */
  | { kind: "timed-out"; message: string }
  /** What the worker sent was no answer. */
  | { kind: "malformed-answer"; message: string }
  /** The answer could not be received. */
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
  job: PrepareJob,
  sink: ArtifactSink,
  signal: AbortSignal,
): Promise<PrepareJobOutcome> {
  const tmpArtifact = worker.directory.file(TMP_ARTIFACT);
  try {
    await Deno.writeFile(tmpArtifact, new Uint8Array(), { createNew: true });
  } catch (error) {
    return { kind: "create-tmp-file", message: errorText(error) };
  }
  const { limits } = job;
  const request = { kind: PREPARE_REQUEST, message: { ...job, requestId: worker.nextRequestId() } };
  using watch = watchDirectory(worker.directory, limits);
  const exchanging = exchangeJob(worker, request, PREPARE_RESPONSE, signal);
  const exchanged = await Promise.race([exchanging, watch.broken]);
  // The worker's end, which follows, also ends the exchange.
  if (exchanged.kind === "directory-limit") return exchanged;
  if (exchanged.kind === "limit-broken") return breach(exchanged, limits);
  if (exchanged.kind === "died") {
    // The kernel's limit on the length of a file is that of the directory.
    const isTooLong = FILE_TOO_LONG.test(exchanged.message);
    return { kind: isTooLong ? "directory-limit" : "job-died", message: exchanged.message };
  }
  if (exchanged.kind !== "answered") return exchanged;
  return await conclude(worker, exchanged.answer, limits, sink);
}

/** What the system ends a process with that writes a longer file than it may, said by it or by the wrapper around it. */
const FILE_TOO_LONG = /^The worker process (received signal: SIGXFSZ|exited with status 153)/;

const BREACHES = {
  cpuTimeMs: "timed-out",
  processMemoryBytes: "out-of-memory",
} as const;

function breach(broken: { limit: WatchedLimit; used: number }, limits: JobLimits): PrepareJobOutcome {
  return { kind: BREACHES[broken.limit], message: describeBreach(broken, limits) };
}

/** The worker's own account is checked once more, and what it made is taken over before its directory is cleared. */
async function conclude(
  worker: WorkerProcess,
  { result, cpuTimeUs, maxRssKib }: PrepareResponse,
  limits: JobLimits,
  sink: ArtifactSink,
): Promise<PrepareJobOutcome> {
  const cpuTimeMs = cpuTimeUs / 1000;
  if (cpuTimeMs > limits.cpuTimeMs) return breach({ limit: "cpuTimeMs", used: cpuTimeMs }, limits);
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
    await worker.directory.clear(limits);
  } catch (error) {
    if (published) await sink.discard(published.path);
    const kind = error instanceof DirectoryLimitError ? "directory-limit" : "clear-worker-dir";
    return { kind, message: errorText(error) };
  }
  const idle = new IdleWorker(worker);
  if (result.kind === "failed" || !published) return { kind: "concluded", worker: idle, result: result as Failed };
  const { checksum, decompressedBytes } = result;
  const stats = { decompressedBytes, cpuTimeMs, maxRssKib };
  return { kind: "concluded", worker: idle, result: { ...published, checksum: checksum.slice(), stats } };
}
