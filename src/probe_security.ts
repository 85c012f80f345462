/** Tries the sandbox out, from outside. */
import { errorText } from "./error_text.ts";
import { assess, CAPABILITIES, type SecurityFindings, type SecurityReport } from "./security.ts";
import { WorkerProgram } from "./worker_process/program.ts";
import { type SpawnEnvironment, SpawnError, spawnWorker } from "./worker_process/spawn.ts";
import probeEngine from "./worker_process/security_probe.ts" with { type: "text" };

/** What probing needs: what a host starts its workers with, but for the program. */
export interface ProbeOptions {
  readonly environment: Omit<SpawnEnvironment, "mainPath">;
  /** A fresh path in the cache directory for the probe's own program, which is deleted at the end. */
  readonly programPath: string;
  readonly secureMode: boolean;
  readonly signal: AbortSignal;
}

/** The probe runs no WebAssembly but the crypto module. */
const PROBE_PAGES = 4_096;

/** What the probe writes; its own capabilities would take less. */
const REPORT_FILE = "security-report.json";
const MAX_REPORT_BYTES = 64 * 1024;

/**
 * Starts one worker exactly as a host does, lets it try what a worker must not do, and says what came of it. A worker that cannot be
 * started has no capability. Rejects with the signal's reason, and if the probe's program cannot be written or deleted.
 */
export async function probeSecurity(
  { environment, programPath, secureMode, signal }: ProbeOptions,
): Promise<SecurityReport> {
  const program = await WorkerProgram.write(programPath, probeEngine);
  try {
    return assess(await probe({ ...environment, mainPath: program.mainPath }, signal), secureMode);
  } finally {
    await program.remove();
  }
}

async function probe(environment: SpawnEnvironment, signal: AbortSignal): Promise<SecurityFindings> {
  try {
    const idle = await spawnWorker(environment, "execute-worker", PROBE_PAGES, signal);
    const worker = idle.take();
    try {
      return decode(await readReport(worker.directory.file(REPORT_FILE)));
    } finally {
      await worker.retire();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SpawnError || error instanceof ReportError)) throw error;
    return findings(() => `it could not be tried: ${errorText(error)}`);
  }
}

/** The probe's report could not be had. */
class ReportError extends Error {}

/** A worker whose sandbox does not hold may have left anything there. */
async function readReport(path: string): Promise<unknown> {
  try {
    const { isFile, size } = await Deno.lstat(path);
    if (!isFile || size > MAX_REPORT_BYTES) throw new TypeError(`found ${size} bytes, a file of a report wanted`);
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw new ReportError("the probe left no report", { cause: error });
  }
}

/** Only `null` says that a capability is there. */
function decode(report: unknown): SecurityFindings {
  const found = new Map(Object.entries(report ?? {}));
  return findings((capability) => {
    const finding = found.get(capability);
    return finding === null ? undefined : String(finding ?? "the probe did not report on it");
  });
}

function findings(find: (capability: keyof SecurityFindings) => string | undefined): SecurityFindings {
  return Object.fromEntries(CAPABILITIES.map((each) => [each, find(each)])) as Record<
    keyof SecurityFindings,
    string | undefined
  >;
}
