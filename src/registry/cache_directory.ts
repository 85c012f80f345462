import { normalize } from "@std/path";

/**
 * Creates the cache directory with its parents, unless it is there, and gives back the path to use for it.
 *
 * That path is absolute if the permissions allow it. Permissions are granted for a path as it is spelled: through a
 * symbolic link the host may have no access to the directory under its real path.
 *
 * @throws {TypeError} If the path is empty, contains a comma, or is one that Deno does not open to workers.
 * @throws {Deno.errors.NotADirectory} If there is something else at the path.
 */
export async function openCacheDirectory(path: string): Promise<string> {
  assertUsable(path);
  // By the letters of the path, as permissions do it: "link/.." is where "link" is, wherever it leads.
  const spelled = normalize(path);
  await createDirectory(spelled);
  const real = await Deno.realPath(spelled);
  // A worker is given the real path, whichever of the two the host uses.
  assertUsable(real);
  return await isGranted(real) ? real : spelled;
}

/** Where Deno lets nobody work but who may do everything, which no worker may. */
const RESERVED = /^\/(dev|proc|sys)(\/|$)/;

/** A worker is confined by `--allow-read=PATH`, where a comma would separate two paths, and open both to it. */
function assertUsable(path: string): void {
  if (path === "") {
    throw new TypeError("Cannot use the cache directory: found an empty path, the path of a directory wanted");
  }
  if (path.includes(",")) {
    throw new TypeError(`Cannot use the cache directory ${path}: found a comma, a path without one wanted`);
  }
  if (Deno.build.os !== "windows" && RESERVED.test(path)) {
    throw new TypeError(
      `Cannot use the cache directory ${path}: found it below /dev, /proc or /sys, a path that Deno can open to workers wanted`,
    );
  }
}

async function createDirectory(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw new Deno.errors.NotADirectory(
      `Cannot use the cache directory ${path}: found something else there, a directory or nothing wanted`,
      { cause: error },
    );
  }
}

async function isGranted(path: string): Promise<boolean> {
  const read = await Deno.permissions.query({ name: "read", path });
  const write = await Deno.permissions.query({ name: "write", path });
  return read.state === "granted" && write.state === "granted";
}
