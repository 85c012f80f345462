/** One prepare job, inside the sandbox. */
import { type Engine, type EngineServices, PrepareFailure } from "../engine/engine.ts";
import type { PrepareRequest, PrepareResponse, WorkerPrepareError } from "../protocol/messages.ts";
import { TMP_ARTIFACT } from "../protocol/worker_files.ts";
import { encodeArtifact } from "./artifact_file.ts";
import { errorText } from "./clip.ts";
import { startCpuClock } from "./cpu_clock.ts";

/** Prepares the code, writes the artifact and says how it went. */
export async function prepareJob(
  engine: Engine,
  services: EngineServices,
  request: PrepareRequest,
): Promise<PrepareResponse> {
  const cpuTimeUs = startCpuClock();
  const residentBefore = residentKib();
  const result = await prepare(engine, services, request);
  const maxRssKib = Math.max(residentBefore, residentKib());
  return { requestId: request.requestId, cpuTimeUs: cpuTimeUs(), maxRssKib, result };
}

async function prepare(
  engine: Engine,
  services: EngineServices,
  request: PrepareRequest,
): Promise<PrepareResponse["result"]> {
  try {
    const { artifact, decompressedBytes } = await engine.prepare(
      { ...request, maxMemoryPages: request.limits.memoryPages },
      services,
    );
    const file = encodeArtifact(request, artifact);
    const checksum = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
    writeArtifact(file);
    return { kind: "prepared", checksum, artifactBytes: file.length, decompressedBytes };
  } catch (error) {
    return { kind: "failed", error: errorKind(error), message: errorText(error) };
  }
}

class WriteError extends Error {}

function writeArtifact(file: Uint8Array): void {
  try {
    Deno.writeFileSync(TMP_ARTIFACT, file, { create: false });
  } catch (error) {
    throw new WriteError(`Cannot write the artifact: ${errorText(error)}`, { cause: error });
  }
}

function errorKind(error: unknown): WorkerPrepareError {
  if (error instanceof PrepareFailure) return error.kind;
  return error instanceof WriteError ? "io-error" : "job-error";
}

/**
 * Asked at the job's ends, of which the second is close to the peak. The process's own peak (`ru_maxrss`) would not do: Linux lets a
 * process inherit it from the one that started it.
 */
function residentKib(): number {
  return Math.ceil(Deno.memoryUsage().rss / 1024);
}
