/**
 * A second wall around a worker process, which knows nothing of Deno: namespaces of its own, made by bubblewrap, in which there is no
 * file but what the worker needs, no network, no other process and no device; and limits of the kernel, set by prlimit.
 */
import { dirname, isAbsolute } from "@std/path";
import { errorText } from "../error_text.ts";
import { runToEnd } from "./run_to_end.ts";

/** How workers are wrapped. */
export interface OuterSandboxPaths {
  /** Where `bwrap` is. */
  readonly bubblewrapPath: string;
  /** Where `prlimit` is. It is run inside of bubblewrap. */
  readonly prlimitPath: string;
}

/** What one process needs in there. */
export interface OuterCommand {
  readonly denoPath: string;
  readonly args: readonly string[];
  /** The directory with the program, which can be read there. */
  readonly programDirectory?: string;
  /** The directory that the process is in, and whether it can write there. */
  readonly directory: string;
  readonly canWrite: boolean;
  /** What the kernel lets the process have. */
  readonly bounds: OuterBounds;
}

/** What the kernel is to bound. */
export interface OuterBounds {
  /** The memory that a process may write to and shares with nobody, in bytes. */
  readonly dataBytes: number;
  /** The longest file that it may write, in bytes. */
  readonly fileBytes: number;
}

/** The second wall of a host's workers, and what the kernel bounds by it. */
export interface OuterWall {
  readonly sandbox: OuterSandbox;
  readonly bounds: OuterBounds;
}

/**
 * The outer sandbox that is asked for cannot be used.
 *
 * @example A system without it
 * ```ts
 * import { OuterSandboxError, ValidationHost } from "@kiln/host";
 * import { assertRejects } from "@std/assert";
 *
 * const sandbox = { outer: "bubblewrap", bubblewrapPath: "/nonexistent/bwrap" } as const;
 * const cachePath = await Deno.makeTempDir();
 * await assertRejects(() => ValidationHost.start({ cachePath, sandbox }), OuterSandboxError, "/nonexistent/bwrap");
 * ```
 */
export class OuterSandboxError extends Error {
  /** The name of the class. */
  override name = "OuterSandboxError";
}

/** As many files as a worker needs to start, several times over. */
export const MAX_OPEN_FILES = 256;

/** Where the libraries are that deno needs, on this system or another. Most systems have some of them, and as links to the others. */
const LIBRARIES = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/** How long a wrapped process may take to say its version. */
const TRIAL_TIMEOUT_MS = 10_000;

/** A way to wrap processes that was tried out. */
export class OuterSandbox {
  readonly #paths: OuterSandboxPaths;
  /** Why the kernel's limits are not set, if they are not. */
  readonly unbounded: string | undefined;

  private constructor(paths: OuterSandboxPaths, unbounded: string | undefined) {
    this.#paths = paths;
    this.unbounded = unbounded;
  }

  /**
   * Tries to run `deno` in a wrapped process, with the kernel's limits if that can be. Throws
   * {@linkcode OuterSandboxError} if it cannot be wrapped at all.
   */
  static async open(
    paths: OuterSandboxPaths,
    trial: Pick<OuterCommand, "denoPath" | "directory" | "bounds">,
  ): Promise<OuterSandbox> {
    await assertMayRun(paths.bubblewrapPath);
    const { denoPath } = trial;
    if (!isAbsolute(denoPath)) {
      throw new OuterSandboxError(
        `Cannot use the outer sandbox: found denoPath "${denoPath}", an absolute path wanted`,
      );
    }
    const command = { ...trial, args: ["--version"], canWrite: false };
    const failure = await tryOut(new OuterSandbox(paths, undefined).command(command));
    if (failure === undefined) return new OuterSandbox(paths, undefined);
    const unbounded = new OuterSandbox(paths, `"${paths.prlimitPath}" cannot be run: ${failure}`);
    const greaterFailure = await tryOut(unbounded.command(command));
    if (greaterFailure === undefined) return unbounded;
    throw new OuterSandboxError(
      `Cannot use the outer sandbox: "${paths.bubblewrapPath}" cannot be run: ${greaterFailure}`,
    );
  }

  /** The program to run in the place of `deno`, and its arguments. */
  command(command: OuterCommand): { path: string; args: string[] } {
    const { denoPath, args } = command;
    return {
      path: this.#paths.bubblewrapPath,
      args: [...this.#namespaces(command), "--", ...this.#limits(command.bounds), denoPath, ...args],
    };
  }

  #namespaces({ denoPath, programDirectory, directory, canWrite }: OuterCommand): string[] {
    const readable = [denoPath, ...(programDirectory === undefined ? [] : [programDirectory])];
    return [
      "--unshare-all",
      // It ends with its host, however that ends, and whatever became of the watchdog.
      "--die-with-parent",
      // Without a terminal there is nothing to type into.
      "--new-session",
      "--cap-drop",
      "ALL",
      "--hostname",
      "kiln",
      "--proc",
      "/proc",
      "--dev",
      "/dev",
      ...LIBRARIES.flatMap((path) => ["--ro-bind-try", path, path]),
      ...(this.unbounded === undefined ? ["--ro-bind", this.#paths.prlimitPath, this.#paths.prlimitPath] : []),
      ...readable.flatMap((path) => ["--ro-bind", path, path]),
      canWrite ? "--bind" : "--ro-bind",
      directory,
      directory,
      // What holds the mounts together would be room in the machine's memory.
      "--remount-ro",
      "/dev",
      // Some settings of the kernel belong to root by number, in whichever namespace.
      "--remount-ro",
      "/proc",
      "--remount-ro",
      "/",
      "--chdir",
      directory,
    ];
  }

  #limits({ dataBytes, fileBytes }: OuterBounds): string[] {
    if (this.unbounded !== undefined) return [];
    const limits = [`--data=${dataBytes}`, `--fsize=${fileBytes}`, "--core=0", `--nofile=${MAX_OPEN_FILES}`];
    return [this.#paths.prlimitPath, ...limits, "--"];
  }
}

/** The directory of a worker program, by its main file. */
export function programDirectoryOf(mainPath: string): string {
  return dirname(dirname(mainPath));
}

async function assertMayRun(command: string): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "run", command });
  if (state !== "granted") {
    throw new OuterSandboxError(`Cannot use the outer sandbox: Deno was not given --allow-run=${command}`);
  }
}

/** Why a command fails; `undefined` if it does not. */
async function tryOut({ path, args }: { path: string; args: string[] }): Promise<string | undefined> {
  try {
    const { success, code, stderr } = await runToEnd(path, { args }, AbortSignal.timeout(TRIAL_TIMEOUT_MS));
    return success ? undefined : stderr.trim() || `it ended with status ${code}`;
  } catch (error) {
    return errorText(error);
  }
}
