/**
 * The walls around a worker process: Deno's permissions and V8's limits. A worker reads or writes its own directory and nothing else.
 * Each flag closes a hole that was found by trying; none is there for show.
 */
import { type OuterWall, programDirectoryOf } from "./outer_sandbox.ts";
import type { WorkerKind } from "./worker_kind.ts";

/** The heap that JavaScript itself may use in a worker. Code and memory of WebAssembly are not in it. */
const MAX_HEAP_MIB = 256;

/**
 * The native stack of a worker. V8's default of 984 KiB is spent by some 17,000 of the smallest frames; upstream allows code 65,536
 * values. Half of the usual 8 MiB of a main thread leaves room for what V8 itself does there.
 */
const STACK_KIB = 4000;

const MIN_WASM_PAGES = 4096;

/** What a worker process is started with. */
export interface WorkerCommand {
  readonly denoPath: string;
  readonly kind: WorkerKind;
  /** The worker program's main file. It is outside of the worker's directory, which a worker that prepares may write. */
  readonly mainPath: string;
  /** Passed on to the program, so that it can compare them with its own. */
  readonly versions: readonly string[];
  /** The worker's directory: absolute, without a comma, without a symbolic link in it. */
  readonly directory: string;
  /** The pages (64 KiB each) that the code's memory may have there. */
  readonly maxMemoryPages: number;
  /** The second wall, if there is one. */
  readonly outer?: OuterWall | undefined;
}

/** The command that starts a worker. */
export function workerCommand(command: WorkerCommand): Deno.Command {
  // A comma would end the path in the flag, and open whatever stands after it to the worker.
  if (command.directory.includes(",")) {
    throw new TypeError(`Cannot confine a worker to "${command.directory}": a path without a comma wanted`);
  }
  const { path, args } = wrapped(command, [
    "run",
    "--quiet",
    "--no-prompt",
    ...isolationFlags(),
    ...permissionFlags(command),
    `--v8-flags=${v8Flags(command.maxMemoryPages)}`,
    command.mainPath,
    command.kind,
    ...command.versions,
  ]);
  return new Deno.Command(path, {
    args,
    cwd: command.directory,
    clearEnv: true,
    env: workerEnvironment(),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

function wrapped(command: WorkerCommand, args: string[]): { path: string; args: string[] } {
  const { denoPath, kind, directory, mainPath, outer } = command;
  if (!outer) return { path: denoPath, args };
  const programDirectory = programDirectoryOf(mainPath);
  const canWrite = kind === "prepare-worker";
  return outer.sandbox.command({ denoPath, args, programDirectory, directory, canWrite, bounds: outer.bounds });
}

/** Nothing is looked up, fetched, compiled or cached besides the program itself. */
function isolationFlags(): string[] {
  return [
    "--no-config",
    "--no-lock",
    // Imports are a way out that no permission governs: both kinds have to be switched off.
    "--no-remote",
    "--no-npm",
    "--node-modules-dir=none",
    "--no-check",
    "--no-code-cache",
  ];
}

/**
 * The one scoped grant is the whole sandbox; the denials say what is meant where a worker asks. No worker may both read and write in
 * one place: there `node:wasi` makes symbolic links to anywhere, which Deno follows, and `node:sqlite` deletes what a journal names.
 * Preparing takes code from the host and writes an artifact; executing reads one.
 */
function permissionFlags({ kind, directory }: WorkerCommand): string[] {
  return [
    ...kind === "prepare-worker"
      ? ["--deny-read", `--allow-write=${directory}`]
      : [`--allow-read=${directory}`, "--deny-write"],
    "--deny-net",
    "--deny-env",
    "--deny-sys",
    "--deny-run",
    "--deny-ffi",
    "--deny-import",
  ];
}

/** The limit of pages is a belt for the one in the module. It holds for the crypto module as well, which needs what it needs. */
function v8Flags(maxMemoryPages: number): string {
  const pages = Math.max(MIN_WASM_PAGES, maxMemoryPages);
  // The memory of an instance that is done with is freed when a worker asks for it, lest it counts for the next job.
  return `--max-old-space-size=${MAX_HEAP_MIB},--stack-size=${STACK_KIB},--wasm-max-mem-pages=${pages},--expose-gc`;
}

/** Without a home, Deno would look one up and keep `localStorage` and caches there, which all workers would share. */
export function workerEnvironment(): Record<string, string> {
  return {
    DENO_DIR: "/dev/null/none",
    DENO_EMIT_CACHE_MODE: "disable",
    DENO_NO_UPDATE_CHECK: "1",
    DENO_DISABLE_NODE_SHIM: "1",
    DENO_NO_PACKAGE_JSON: "1",
    // No permission governs the graphics processor, whose drivers keep caches in the user's home: there is none.
    DENO_WEBGPU_BACKEND: "none",
    NO_COLOR: "1",
  };
}
