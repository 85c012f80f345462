/** Tries the sandbox out, from outside. */
import { errorText } from "./error_text.ts";
import { lacking, type OuterFindings, probeOuterSandbox } from "./probe_outer_sandbox.ts";
import {
  assess,
  CAPABILITIES,
  type SecurityCapability,
  type SecurityFinding,
  type SecurityFindings,
  type SecurityReport,
} from "./security.ts";
import { WorkerProgram } from "./worker_process/program.ts";
import { type SpawnEnvironment, SpawnError, spawnWorker } from "./worker_process/spawn.ts";
import type { WorkerKind } from "./worker_process/worker_kind.ts";
import probeEngine from "./worker_process/security_probe.ts" with { type: "text" };

/** What probing needs: what a host starts its workers with, but for the program. */
export interface ProbeOptions {
  readonly environment: Omit<SpawnEnvironment, "mainPath">;
  /** Why there is no outer sandbox, where there is none. */
  readonly outerMissing?: string | undefined;
  /** A fresh path in the cache directory for the probe's own program, which is deleted at the end. */
  readonly programPath: string;
  readonly secureMode: boolean;
  readonly signal: AbortSignal;
}

/** The probe runs no WebAssembly but the crypto module. */
const PROBE_PAGES = 4_096;

type InnerCapability = Exclude<SecurityCapability, keyof OuterFindings>;
type InnerFindings = Pick<SecurityFindings, InnerCapability>;

/** The capabilities that a worker finds by itself. */
const FROM_INSIDE = CAPABILITIES.filter((each): each is InnerCapability =>
  each !== "canIsolateSystem" && each !== "canBoundResources"
);

/**
 * Starts a worker of each kind exactly as a host does, lets it try what a worker must not do, and says what came of it; and then the
 * same of the outer sandbox, with a process that Deno lets do everything. Where a worker cannot be started there is no capability.
 * Rejects with the signal's reason, and if the probe's program cannot be written or deleted.
 */
export async function probeSecurity(options: ProbeOptions): Promise<SecurityReport> {
  const program = await WorkerProgram.write(options.programPath, probeEngine);
  try {
    const environment = { ...options.environment, mainPath: program.mainPath };
    const probed = await all(KINDS.map((kind) => probe(environment, kind, options.signal)));
    const inner = findings((capability) => inAll(probed.map((found) => found[capability])));
    const outer = await probeOuter(environment, options);
    options.signal.throwIfAborted();
    return assess({ ...inner, ...outer }, options.secureMode);
  } finally {
    await program.remove();
  }
}

async function probeOuter(
  { outer, denoPath, newPath, mainPath, spawnTimeoutMs: timeoutMs }: SpawnEnvironment,
  { outerMissing = "there is no outer sandbox", signal }: ProbeOptions,
): Promise<OuterFindings> {
  if (!outer) return lacking(outerMissing);
  return await probeOuterSandbox({
    outer,
    denoPath,
    directoryPath: newPath("worker-dir-probe-"),
    outsideFile: mainPath,
    timeoutMs,
    signal,
  });
}

/** They are not given the same grants. */
const KINDS: readonly WorkerKind[] = ["prepare-worker", "execute-worker"];

/** Waits for all of them, also where one rejects: none may be at work any more when the directory is given up. */
async function all<T>(work: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return await Promise.all(work);
}

/** What holds in every kind of worker holds. */
function inAll(found: SecurityFinding[]): SecurityFinding {
  const lacking = found.find(({ fault }) => fault !== undefined);
  return lacking ?? { tried: [...new Set(found.flatMap(({ tried }) => tried))], fault: undefined };
}

async function probe(environment: SpawnEnvironment, kind: WorkerKind, signal: AbortSignal): Promise<InnerFindings> {
  try {
    const worker = (await spawnWorker(environment, kind, PROBE_PAGES, signal)).take();
    await worker.retire();
    return decode(readReport(worker.errors));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SpawnError || error instanceof ReportError)) throw error;
    return findings(() => ({ tried: [], fault: `it could not be tried: ${errorText(error)}` }));
  }
}

/** The probe's report could not be had. */
class ReportError extends Error {}

/** The report is the last thing that a probe says. */
function readReport(errors: string): unknown {
  try {
    return JSON.parse(errors.split("\n").at(-1) ?? "");
  } catch (error) {
    throw new ReportError("the probe gave no report", { cause: error });
  }
}

/** Only `null` says that a capability is there. */
function decode(report: unknown): InnerFindings {
  const found = new Map<string, { tried?: unknown; fault?: unknown } | null>(Object.entries(report ?? {}));
  return findings((capability) => {
    const { tried, fault } = found.get(capability) ?? {};
    const names = Array.isArray(tried) ? tried.map(String) : [];
    return { tried: names, fault: fault === null ? undefined : String(fault ?? "the probe did not report on it") };
  });
}

function findings(find: (capability: InnerCapability) => SecurityFinding): InnerFindings {
  return Object.fromEntries(FROM_INSIDE.map((each) => [each, find(each)])) as unknown as InnerFindings;
}
