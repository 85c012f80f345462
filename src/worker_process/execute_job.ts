/** One execute job on one worker. */
import { errorText } from "../error_text.ts";
import type { ExecuteOutcome, LogEntry, PossiblyInvalidOutcome } from "../execute_outcome.ts";
import {
  BIND_REQUEST,
  BIND_RESPONSE,
  EXECUTE_REQUEST,
  EXECUTE_RESPONSE,
  type ExecuteResponse,
  type WireLogEntry,
  type WorkerExecuteError,
} from "../protocol/messages.ts";
import { ARTIFACT } from "../protocol/worker_files.ts";
import { type Exchange, exchange, exchangeJob } from "./exchange.ts";
import { IdleWorker } from "./idle_worker.ts";
import { BIND_TIMEOUT_MS, wallClockLimitMs } from "./limits.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** What to execute. */
export interface ExecuteJob {
  readonly artifact: {
    readonly path: string;
    readonly checksum: Uint8Array;
    readonly codeHash: Uint8Array;
    readonly prepHash: Uint8Array;
  };
  readonly params: Uint8Array;
  readonly povBombLimitBytes: number;
  /** The CPU time that the job may take. */
  readonly timeoutMs: number;
}

/** How an execute job ended. Where there is a worker, it is healthy; otherwise it is gone. */
export type ExecuteJobOutcome =
  | { kind: "concluded"; worker?: IdleWorker; outcome: ExecuteOutcome }
  /** The request could not be handed to the worker. */
  | { kind: "unreachable"; message: string };

/** Runs one job; a worker that has not served yet is bound to the job's artifact first. Rejects only with the signal's reason. */
export async function runExecuteJob(
  idle: IdleWorker,
  job: ExecuteJob,
  signal: AbortSignal,
): Promise<ExecuteJobOutcome> {
  return await idle.serve(async (worker) => await bind(worker, job, signal) ?? await execute(worker, job, signal));
}

/** Gives the worker its artifact. An outcome means that there is nothing to execute. */
async function bind(
  worker: WorkerProcess,
  job: ExecuteJob,
  signal: AbortSignal,
): Promise<ExecuteJobOutcome | undefined> {
  const { path, ...artifact } = job.artifact;
  if (worker.boundTo === path) return undefined;
  if (worker.boundTo !== undefined) {
    throw new Error(`Cannot run "${path}" on a worker that has bound "${worker.boundTo}"`);
  }
  try {
    // A copy: through a link, a worker could write to what others are given.
    await Deno.copyFile(path, worker.directory.file(ARTIFACT));
  } catch (error) {
    return internal("could-not-copy-artifact", errorText(error));
  }
  const request = { kind: BIND_REQUEST, message: { ...artifact, requestId: worker.nextRequestId() } };
  const exchanged = await exchange(worker, request, BIND_RESPONSE, { timeoutMs: BIND_TIMEOUT_MS, signal });
  if (exchanged.kind !== "answered") return unanswered(exchanged);
  const { result } = exchanged.answer;
  if (result.kind === "failed") {
    return result.error === "could-not-open-file"
      ? internal(result.error, result.message)
      : possiblyInvalid(result.error, result.message);
  }
  worker.boundTo = path;
  return await clear(worker);
}

async function execute(worker: WorkerProcess, job: ExecuteJob, signal: AbortSignal): Promise<ExecuteJobOutcome> {
  const { params, povBombLimitBytes, timeoutMs } = job;
  const message = { requestId: worker.nextRequestId(), params, povBombLimitBytes, cpuTimeLimitMs: timeoutMs };
  const limits = { timeoutMs: wallClockLimitMs(timeoutMs), signal };
  const exchanged = await exchangeJob(worker, { kind: EXECUTE_REQUEST, message }, EXECUTE_RESPONSE, limits);
  if (exchanged.kind === "out-of-time") return outOfTime(exchanged.cpuTimeMs, timeoutMs);
  if (exchanged.kind !== "answered") return unanswered(exchanged);
  const cpuTimeMs = exchanged.answer.cpuTimeUs / 1000;
  if (cpuTimeMs > timeoutMs) return outOfTime(cpuTimeMs, timeoutMs, readLog(exchanged.answer.log));
  const outcome = toOutcome(exchanged.answer, cpuTimeMs, exchanged.wallTimeMs);
  return await clear(worker) ?? { kind: "concluded", worker: new IdleWorker(worker), outcome };
}

/** A job that was ended had no chance to tell its log. */
function outOfTime(cpuTimeMs: number, timeoutMs: number, log: LogEntry[] = []): ExecuteJobOutcome {
  const message = `The execution took ${cpuTimeMs} ms of CPU time, at most ${timeoutMs} ms allowed`;
  return { kind: "concluded", outcome: { kind: "invalid", reason: "hard-timeout", message, log } };
}

/** A worker whose directory cannot be cleared must not be given another job. */
async function clear(worker: WorkerProcess): Promise<ExecuteJobOutcome | undefined> {
  try {
    await worker.directory.clear();
    return undefined;
  } catch (error) {
    return possiblyInvalid("could-not-clear-worker-dir", errorText(error));
  }
}

/** The ambiguous ends: the job may be to blame for any of them, and so may the machine. */
function unanswered(exchanged: Exclude<Exchange<unknown>, { kind: "answered" }>): ExecuteJobOutcome {
  switch (exchanged.kind) {
    case "unreachable":
      return exchanged;
    case "timed-out":
      return possiblyInvalid("wall-clock-timeout", exchanged.message);
    case "io-error":
      return possiblyInvalid("ambiguous-worker-death", exchanged.message);
    case "died":
      return possiblyInvalid("ambiguous-job-death", exchanged.message);
    case "out-of-memory":
      return possiblyInvalid("resources-exhausted", exchanged.message);
  }
}

function possiblyInvalid(reason: PossiblyInvalidOutcome["reason"], message: string): ExecuteJobOutcome {
  return { kind: "concluded", outcome: { kind: "possibly-invalid", reason, message, log: [] } };
}

function internal(reason: "could-not-copy-artifact" | "could-not-open-file", message: string): ExecuteJobOutcome {
  return { kind: "concluded", outcome: { kind: "internal", reason, message, log: [] } };
}

/** Who is to blame for what a worker reports. */
const BLAME: Record<WorkerExecuteError, Pick<Exclude<ExecuteOutcome, { kind: "valid" }>, "kind" | "reason">> = {
  "trap": { kind: "invalid", reason: "worker-reported-invalid" },
  "pov-decompression": { kind: "invalid", reason: "pov-decompression-failure" },
  "runtime-construction": { kind: "possibly-invalid", reason: "runtime-construction" },
  "resources": { kind: "possibly-invalid", reason: "resources-exhausted" },
  "job-error": { kind: "possibly-invalid", reason: "job-error" },
  "unsupported": { kind: "internal", reason: "unsupported" },
};

function toOutcome(
  { result, log, logDropped }: ExecuteResponse,
  cpuTimeMs: number,
  wallTimeMs: number,
): ExecuteOutcome {
  const entries = readLog(log);
  if (result.kind === "failed") {
    return { ...BLAME[result.error], message: result.message, log: entries } as ExecuteOutcome;
  }
  const { peakMemoryPages } = result;
  const measured = { cpuTimeMs, wallTimeMs, peakMemoryPages };
  // The answer's bytes are a view of a whole frame, which need not be kept for them.
  return { kind: "valid", result: result.result.slice(), ...measured, log: entries, logDropped };
}

const LEVELS = ["error", "warn", "info", "debug"] as const;

function readLog(log: WireLogEntry[]): LogEntry[] {
  return log.map(({ level, target, message }) => ({ level: LEVELS[level - 1] ?? "trace", target, message }));
}
