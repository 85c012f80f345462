/** Tries the outer sandbox out, from outside. */
import { toJavaScript } from "./worker_process/program.ts";
import outerProbe from "./worker_process/outer_probe.ts" with { type: "text" };
import { errorText } from "./error_text.ts";
import type { SecurityFinding } from "./security.ts";
import { MAX_OPEN_FILES, type OuterWall } from "./worker_process/outer_sandbox.ts";
import { runToEnd } from "./worker_process/run_to_end.ts";
import { workerEnvironment } from "./worker_process/sandbox.ts";
import { WorkerDir } from "./worker_process/worker_dir.ts";

/** What probing the outer sandbox needs. */
export interface OuterProbeOptions {
  readonly outer: OuterWall;
  readonly denoPath: string;
  /** A fresh path in the cache directory. */
  readonly directoryPath: string;
  /** A file that is there, and must not be there for a worker. */
  readonly outsideFile: string;
  /** How long the probe may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What was found of the two capabilities that only the outer sandbox gives. */
export interface OuterFindings {
  readonly canIsolateSystem: SecurityFinding;
  readonly canBoundResources: SecurityFinding;
}

interface ProbeReport {
  readonly faults: Readonly<Record<string, string | null>>;
  readonly limits: Readonly<Record<string, string>>;
}

/** Runs the probe wrapped as workers are, with every permission that Deno can give. Rejects with the signal's reason. */
export async function probeOuterSandbox(options: OuterProbeOptions): Promise<OuterFindings> {
  try {
    const { faults, limits } = await run(options);
    return { canIsolateSystem: firstFault(faults), canBoundResources: compare(limits, options.outer) };
  } catch (error) {
    options.signal.throwIfAborted();
    return lacking(`it could not be tried: ${errorText(error)}`);
  }
}

/** The findings where there is no outer sandbox, for this reason. */
export function lacking(fault: string): OuterFindings {
  return { canIsolateSystem: { tried: [], fault }, canBoundResources: { tried: [], fault } };
}

async function run(options: OuterProbeOptions): Promise<ProbeReport> {
  const { outer, denoPath, directoryPath, outsideFile, timeoutMs, signal } = options;
  const directory = await WorkerDir.create(directoryPath);
  try {
    const program = `data:text/javascript,${encodeURIComponent(toJavaScript(outerProbe))}`;
    const flags = ["--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--no-code-cache"];
    const { path, args } = outer.sandbox.command({
      denoPath,
      args: ["run", ...flags, "--allow-all", program, outsideFile],
      directory: directory.realPath,
      canWrite: true,
      bounds: outer.bounds,
    });
    // Nothing of Deno's is to answer in the place of the outer sandbox.
    const { DENO_WEBGPU_BACKEND: _, ...env } = workerEnvironment();
    const { success, stdout, stderr } = await runToEnd(
      path,
      { args, env },
      AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    );
    if (!success) throw new Error(`the probe ended without a report: ${stderr.trim()}`);
    return JSON.parse(stdout);
  } finally {
    await directory.remove();
  }
}

function firstFault(faults: ProbeReport["faults"]): SecurityFinding {
  const [name, fault] = Object.entries(faults).find(([, fault]) => fault !== null) ?? [];
  return { tried: Object.keys(faults), fault: name === undefined ? undefined : `${name}: ${fault}` };
}

function compare(limits: ProbeReport["limits"], { sandbox, bounds }: OuterProbeOptions["outer"]): SecurityFinding {
  const wanted: Record<string, number> = {
    "Max data size": bounds.dataBytes,
    "Max file size": bounds.fileBytes,
    "Max core file size": 0,
    "Max open files": MAX_OPEN_FILES,
  };
  const tried = Object.keys(wanted).map((name) => `read the kernel's limit "${name}"`);
  const wrong = Object.entries(wanted).find(([name, value]) => limits[name] !== String(value));
  if (!wrong) return { tried, fault: undefined };
  const [name, value] = wrong;
  return { tried, fault: sandbox.unbounded ?? `${name}: found ${limits[name]}, ${value} wanted` };
}
