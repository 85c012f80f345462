import { join } from "@std/path";

const LOCK_NAME = "kiln.lock";

/** Each attempt after the first means that another host closed in between, so that many in a row are no accident. */
const MAX_ATTEMPTS = 100;

/**
 * Another host uses the cache directory.
 *
 * @example Two registries on one directory
 * ```ts
 * import { ArtifactRegistry, CacheLockedError } from "@kiln/host";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const path = await Deno.makeTempDir();
 * await using registry = await ArtifactRegistry.open({ path });
 * const error = await assertRejects(() => ArtifactRegistry.open({ path: registry.path }), CacheLockedError);
 * assertEquals(error.path, registry.path);
 * assertEquals(error.pid, Deno.pid);
 * ```
 */
export class CacheLockedError extends Error {
  /** The cache directory. */
  readonly path: string;
  /** The process that uses it, or `undefined` where that could not be found out. */
  readonly pid: number | undefined;

  /** Makes the error for the cache directory `path`, used by the process `pid`. */
  constructor(path: string, pid: number | undefined) {
    super(`Cannot use the cache directory ${path}: found it locked by ${describeHolder(pid)}, one of its own wanted`);
    this.name = "CacheLockedError";
    this.path = path;
    this.pid = pid;
  }
}

function describeHolder(pid: number | undefined): string {
  if (pid === undefined) return "a host of unknown pid";
  return pid === Deno.pid ? `another host in this process (pid ${pid})` : `the host with pid ${pid}`;
}

/**
 * A host's claim to a cache directory. The operating system drops the lock when the process ends, however it ends; the
 * file itself proves nothing, and one that was left behind is taken over.
 */
export class CacheLock implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #claim: string;
  #isReleased = false;

  private constructor(path: string, file: Deno.FsFile, claim: string) {
    this.#path = path;
    this.#file = file;
    this.#claim = claim;
  }

  /**
   * Claims `directory`, which must exist.
   *
   * @throws {CacheLockedError} If another host has claimed it, in this process or in another one.
   * @throws {Error} If what has the lock file's name is not a regular file.
   */
  static async acquire(directory: string): Promise<CacheLock> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const lock = await CacheLock.#attempt(directory);
      if (lock !== undefined) return lock;
    }
    throw new CacheLockedError(directory, undefined);
  }

  /** The lock, or `undefined` where the lock file was removed while it was being locked. */
  static async #attempt(directory: string): Promise<CacheLock | undefined> {
    const path = join(directory, LOCK_NAME);
    await assertRegularOrAbsent(path);
    using untilHeld = new DisposableStack();
    const file = untilHeld.use(await Deno.open(path, { read: true, write: true, create: true }));
    if (!await file.tryLock(true)) throw new CacheLockedError(directory, await readPid(file));
    const claim = `${Deno.pid}\n${crypto.randomUUID()}\n`;
    // A host that closes removes the file: whoever opened it just before has locked a file that nobody else will find.
    if (await write(file, claim) && !isNamed(path, claim)) return undefined;
    untilHeld.move();
    return new CacheLock(path, file, claim);
  }

  /** Gives the directory up. May be called again. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    try {
      // The file goes while it is still locked: later, the name might be another host's claim.
      if (isNamed(this.#path, this.#claim)) Deno.removeSync(this.#path);
    } catch {
      // Closing is what ends the claim. A file that stays stops nobody.
    } finally {
      this.#file.close();
    }
  }

  /** Gives the directory up. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Whether `path` still leads to the locked file, which is told by the claim in it. Its inode would tell as well, but
 * `FsFile.stat` wants access to the real path, and a host may have been granted a path through a symbolic link.
 */
function isNamed(path: string, claim: string): boolean {
  try {
    return Deno.readTextFileSync(path) === claim;
  } catch (error) {
    // A system whose locks stop readers keeps the name of a locked file, too.
    return !(error instanceof Deno.errors.NotFound);
  }
}

/**
 * Opening a symbolic link would create or lock a file somewhere else, opening a fifo or a device might never come back.
 */
async function assertRegularOrAbsent(path: string): Promise<void> {
  const found = await typeOf(path);
  if (found === "a regular file" || found === "nothing") return;
  throw new Error(`Cannot lock the cache directory: found ${found} at ${path}, a regular file or nothing wanted`);
}

async function typeOf(path: string): Promise<string> {
  try {
    const found = await Deno.lstat(path);
    if (found.isFile) return "a regular file";
    if (found.isSymlink) return "a symbolic link";
    return found.isDirectory ? "a directory" : "a special file";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "nothing";
    throw error;
  }
}

/**
 * The pid in the lock file, unless its holder has not written it yet or the system lets nobody else read a locked file.
 */
async function readPid(file: Deno.FsFile): Promise<number | undefined> {
  const bytes = new Uint8Array(32);
  const length = await file.read(bytes).catch(() => null);
  const [, digits] = /^(\d{1,10})\n/.exec(new TextDecoder().decode(bytes.subarray(0, length ?? 0))) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether there was room for `claim`: a full disk must not stop the start, whose clean-up makes room. */
async function write(file: Deno.FsFile, claim: string): Promise<boolean> {
  try {
    await file.truncate();
    await file.write(new TextEncoder().encode(claim));
    return true;
  } catch {
    return false;
  }
}
