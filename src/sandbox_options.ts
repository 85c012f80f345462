/** What a host can be told about the wall around its workers that is not Deno's. */

/**
 * The outer sandbox: bubblewrap, which gives each worker namespaces of its own. In them there is no file but what the worker needs, no
 * network, no other process and no graphics device, whatever Deno's permissions say, and no worker outlives its host, whatever it does
 * to its watchdog. The kernel bounds memory, files and core dumps by `prlimit`, which is run inside.
 *
 * It needs Linux, Debian's package `bubblewrap` or its like, and one more grant: `--allow-run` for `bubblewrapPath`. A worker takes
 * some milliseconds longer to start; jobs take no longer.
 *
 * @example Whatever is there
 * ```ts
 * import { type SandboxOptions, ValidationHost } from "@kiln/host";
 *
 * const sandbox: SandboxOptions = { outer: "auto" };
 * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir(), sandbox });
 * ```
 */
export interface SandboxOptions {
  /**
   * - `"none"`: Deno's permissions are the only wall
   * - `"bubblewrap"`: the host does not start where it cannot be used
   * - `"auto"`: it is used where it can be; `host.security()` tells
   */
  readonly outer: "none" | "bubblewrap" | "auto";
  /**
   * Where `bwrap` is.
   *
   * @default {"/usr/bin/bwrap"}
   */
  readonly bubblewrapPath?: string;
  /**
   * Where `prlimit` is. Without it the kernel sets no limits; the worker's own watchdog does.
   *
   * @default {"/usr/bin/prlimit"}
   */
  readonly prlimitPath?: string;
}

const CHOICES = ["none", "bubblewrap", "auto"];
const NAMES = ["outer", "bubblewrapPath", "prlimitPath"];

/** Fills in the defaults. Throws a `TypeError` that names what cannot be used. */
export function resolveSandboxOptions(
  options: SandboxOptions | undefined,
  outerByDefault: SandboxOptions["outer"],
): Required<SandboxOptions> {
  checkNames(options);
  const resolved = {
    outer: options?.outer ?? outerByDefault,
    bubblewrapPath: options?.bubblewrapPath ?? "/usr/bin/bwrap",
    prlimitPath: options?.prlimitPath ?? "/usr/bin/prlimit",
  };
  if (!CHOICES.includes(resolved.outer)) {
    throw new TypeError(
      `Cannot use sandbox.outer ${JSON.stringify(resolved.outer)}: one of ${CHOICES.join(", ")} wanted`,
    );
  }
  for (const name of ["bubblewrapPath", "prlimitPath"] as const) {
    const path = resolved[name];
    if (typeof path === "string" && path.startsWith("/")) continue;
    throw new TypeError(`Cannot use sandbox.${name} ${JSON.stringify(path)}: an absolute path wanted`);
  }
  return resolved;
}

/** What is misspelt must not be taken for no sandbox. */
function checkNames(options: unknown): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || !("outer" in options)) {
    throw new TypeError(`Cannot use sandbox ${JSON.stringify(options)}: an object with the property outer wanted`);
  }
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new TypeError(`Cannot use sandbox.${unknown}: one of ${NAMES.join(", ")} wanted`);
}
