/** One execute job on one worker. */
import { errorText } from "../error_text.ts";
import type { ExecuteOutcome, InvalidOutcome, LogEntry, PossiblyInvalidOutcome } from "../execute_outcome.ts";
import type { JobLimits, WatchedLimit } from "../protocol/job_limits.ts";
import {
  BIND_REQUEST,
  BIND_RESPONSE,
  EXECUTE_REQUEST,
  EXECUTE_RESPONSE,
  type ExecuteResponse,
  type WireLogEntry,
  type WorkerExecuteError,
} from "../protocol/messages.ts";
import { logSize } from "../protocol/log_size.ts";
import { ARTIFACT } from "../protocol/worker_files.ts";
import { exchangeJob, type JobExchange } from "./exchange.ts";
import { IdleWorker } from "./idle_worker.ts";
import { BIND_TIMEOUT_MS, describeBreach } from "./limits.ts";
import { DirectoryLimitError } from "./worker_dir.ts";
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
  readonly limits: JobLimits;
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
    // A copy: a worker is given what it reads, and never a way to what others are given.
    await Deno.copyFile(path, worker.directory.file(ARTIFACT));
  } catch (error) {
    return internal("could-not-copy-artifact", errorText(error));
  }
  const limits = { ...job.limits, cpuTimeMs: BIND_TIMEOUT_MS, wallTimeMs: BIND_TIMEOUT_MS };
  const message = { ...artifact, requestId: worker.nextRequestId(), limits };
  const request = { kind: BIND_REQUEST, message };
  const exchanged = await exchangeJob(worker, request, BIND_RESPONSE, signal);
  // Nobody limited the CPU time of it: it is the time that any artifact has.
  if (exchanged.kind === "limit-broken" && exchanged.limit === "cpuTimeMs") {
    return possiblyInvalid("wall-clock-timeout", describeBreach(exchanged, limits));
  }
  if (exchanged.kind !== "answered") return unanswered(exchanged, limits);
  const { result } = exchanged.answer;
  if (result.kind === "failed") {
    return result.error === "could-not-open-file"
      ? internal(result.error, result.message)
      : possiblyInvalid(result.error, result.message);
  }
  worker.boundTo = path;
  return await clear(worker, limits);
}

async function execute(worker: WorkerProcess, job: ExecuteJob, signal: AbortSignal): Promise<ExecuteJobOutcome> {
  const { params, povBombLimitBytes, limits } = job;
  const message = { requestId: worker.nextRequestId(), params, povBombLimitBytes, limits };
  const request = { kind: EXECUTE_REQUEST, message };
  const exchanged = await exchangeJob(worker, request, EXECUTE_RESPONSE, signal);
  if (exchanged.kind !== "answered") return unanswered(exchanged, limits);
  const { answer, wallTimeMs } = exchanged;
  const cpuTimeMs = answer.cpuTimeUs / 1000;
  // The worker's own account is checked once more: a job that is quick to end may be quicker than the watchdog.
  if (cpuTimeMs > limits.cpuTimeMs) {
    const breach = { limit: "cpuTimeMs", used: cpuTimeMs } as const;
    return invalid("hard-timeout", describeBreach(breach, limits), readLog(answer.log));
  }
  const logBytes = logSize(answer.log);
  if (logBytes > limits.logBytes) {
    return possiblyInvalid("malformed-answer", `The log has ${logBytes} bytes, at most ${limits.logBytes} wanted`);
  }
  const outputBytes = answer.result.kind === "valid" ? answer.result.result.length : 0;
  if (outputBytes > limits.outputBytes) {
    return invalid("output-limit", `The result has ${outputBytes} bytes, at most ${limits.outputBytes} allowed`);
  }
  const outcome = toOutcome(answer, cpuTimeMs, wallTimeMs);
  return await clear(worker, limits) ?? { kind: "concluded", worker: new IdleWorker(worker), outcome };
}

/** A worker whose directory cannot be cleared must not be given another job. */
async function clear(worker: WorkerProcess, limits: JobLimits): Promise<ExecuteJobOutcome | undefined> {
  try {
    await worker.directory.clear(limits);
    return undefined;
  } catch (error) {
    const reason = error instanceof DirectoryLimitError ? "directory-limit" : "could-not-clear-worker-dir";
    return possiblyInvalid(reason, errorText(error));
  }
}

/** Whose fault a broken limit is: CPU time is the job's alone, memory may have been taken by what the process does besides. */
const BREACHES: Record<WatchedLimit, (message: string) => ExecuteJobOutcome> = {
  cpuTimeMs: (message) => invalid("hard-timeout", message),
  processMemoryBytes: (message) => possiblyInvalid("memory-limit", message),
};

/** Most of these ends are ambiguous: the job may be to blame for them, and so may the machine. */
function unanswered(
  exchanged: Exclude<JobExchange<unknown>, { kind: "answered" }>,
  limits: JobLimits,
): ExecuteJobOutcome {
  switch (exchanged.kind) {
    case "limit-broken":
      return BREACHES[exchanged.limit](describeBreach(exchanged, limits));
    case "malformed-answer":
      return possiblyInvalid("malformed-answer", exchanged.message);
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

/** A job that was ended had no chance to tell its log. */
function invalid(reason: InvalidOutcome["reason"], message: string, log: LogEntry[] = []): ExecuteJobOutcome {
  return { kind: "concluded", outcome: { kind: "invalid", reason, message, log } };
}

function internal(reason: "could-not-copy-artifact" | "could-not-open-file", message: string): ExecuteJobOutcome {
  return { kind: "concluded", outcome: { kind: "internal", reason, message, log: [] } };
}

/** Who is to blame for what a worker reports. */
const BLAME: Record<WorkerExecuteError, Pick<Exclude<ExecuteOutcome, { kind: "valid" }>, "kind" | "reason">> = {
  "trap": { kind: "invalid", reason: "worker-reported-invalid" },
  "output-limit": { kind: "invalid", reason: "output-limit" },
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
