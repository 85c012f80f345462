/** What an execute worker does, inside the sandbox: binds one artifact for its life, then runs it, once for every job. */
import { type Engine, type EngineServices, ExecuteFailure, type LoadedCode } from "../engine/engine.ts";
import {
  type BindRequest,
  type BindResponse,
  type ExecuteRequest,
  type ExecuteResponse,
  MAX_MESSAGE_BYTES,
  type WorkerExecuteError,
} from "../protocol/messages.ts";
import { ARTIFACT } from "../protocol/worker_files.ts";
import { decodeArtifact, sameBytes } from "./artifact_file.ts";
import { clip, errorText } from "./clip.ts";
import { startCpuClock } from "./cpu_clock.ts";
import { JobLog } from "./job_log.ts";

/** Reads, verifies and loads the artifact. */
export async function bindJob(
  engine: Engine,
  services: EngineServices,
  request: BindRequest,
): Promise<{ response: BindResponse; loaded?: LoadedCode }> {
  const failed = (error: BindError, message: string): { response: BindResponse } => ({
    response: {
      requestId: request.requestId,
      result: { kind: "failed", error, message: clip(message, MAX_MESSAGE_BYTES) },
    },
  });
  let file: Uint8Array<ArrayBuffer>;
  try {
    file = Deno.readFileSync(ARTIFACT);
  } catch (error) {
    return failed("could-not-open-file", `Cannot read the artifact: ${errorText(error)}`);
  }
  const checksum = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  if (!sameBytes(checksum, request.checksum)) {
    const found = `checksum 0x${checksum.toHex()}, 0x${request.checksum.toHex()} wanted`;
    return failed("corrupted-artifact", `Cannot use the artifact: ${found}`);
  }
  try {
    const loaded = await engine.load(decodeArtifact(file, request), services);
    return { response: { requestId: request.requestId, result: { kind: "bound" } }, loaded };
  } catch (error) {
    return failed("runtime-construction", errorText(error));
  }
}

type BindError = Extract<BindResponse["result"], { kind: "failed" }>["error"];

/** Runs what is bound. */
export async function executeJob(loaded: LoadedCode, request: ExecuteRequest): Promise<ExecuteResponse> {
  const cpuTimeUs = startCpuClock();
  const log = new JobLog(request.limits.logBytes);
  const result = await execute(loaded, request, log);
  return { requestId: request.requestId, cpuTimeUs: cpuTimeUs(), log: log.entries, logDropped: log.dropped, result };
}

async function execute(
  loaded: LoadedCode,
  request: ExecuteRequest,
  log: JobLog,
): Promise<ExecuteResponse["result"]> {
  try {
    const { result, peakMemoryPages } = await loaded.run({ ...request, log });
    const { outputBytes } = request.limits;
    if (result.length > outputBytes) {
      const message = `The result has ${result.length} bytes, at most ${outputBytes} allowed`;
      return { kind: "failed", error: "output-limit", message };
    }
    return { kind: "valid", peakMemoryPages, result };
  } catch (error) {
    return { kind: "failed", error: errorKind(error), message: errorText(error) };
  }
}

function errorKind(error: unknown): WorkerExecuteError {
  return error instanceof ExecuteFailure ? error.kind : "job-error";
}
