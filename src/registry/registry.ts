import { basename, join } from "@std/path";
import type { PrepareError } from "../prepare_error.ts";
import type { ArtifactFile, ArtifactId, ArtifactState, PrepareLimits } from "./artifact.ts";
import { openCacheDirectory } from "./cache_directory.ts";
import { cleanUp, type CleanUpReport } from "./clean_up.ts";
import { CacheLock } from "./lock.ts";
import { directoryName, type DirectoryPrefix, isArtifactName } from "./names.ts";
import { type AnnouncedFile, publish, type PublishedFile } from "./publish.ts";
import {
  type ArtifactRegistryOptions,
  assertWhole,
  type ResolvedRegistryOptions,
  resolveRegistryOptions,
} from "./registry_options.ts";
import { ArtifactTable, type TakenArtifact } from "./table.ts";

/**
 * An artifact that the registry has forgotten.
 *
 * @example What pruning gives back
 * ```ts
 * import { ArtifactRegistry, type RemovedArtifact } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * await using registry = await ArtifactRegistry.open({ path: await Deno.makeTempDir() });
 * const removed: RemovedArtifact[] = await registry.prune(60_000);
 * assertEquals(removed, []);
 * ```
 */
export interface RemovedArtifact {
  /** Which artifact it was. */
  readonly id: ArtifactId;
  /** Where its file was, and still is if there is an `error`. */
  readonly path: string;
  /** The length of the file, in bytes. */
  readonly sizeBytes: number;
  /** Why the file could not be deleted. The next start tries again. */
  readonly error?: Error;
}

/**
 * The artifacts of one cache directory: which are being prepared, which are on disk, and which could not be prepared.
 * It alone decides what is on disk: the start-up clean-up, publishing, removing and pruning are here and nowhere else.
 *
 * Nothing is trusted for lying in the directory: a registry starts empty, and deletes what an earlier one left.
 *
 * Requires `--allow-read` and `--allow-write` for the cache directory.
 *
 * @example From a worker's file to an artifact, and to its end
 * ```ts
 * import { ArtifactRegistry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * let now = 0;
 * await using registry = await ArtifactRegistry.open({ path: await Deno.makeTempDir(), now: () => now });
 * const id = { codeHash: `0x${"c0".repeat(32)}`, prepHash: `0x${"01".repeat(32)}` };
 * registry.insertPreparing(id);
 *
 * const content = new Uint8Array([1, 2, 3]);
 * const checksum = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
 * const source = `${registry.path}/tmp-artifact`;
 * await Deno.writeFile(source, content);
 * const published = await registry.publish(source, { sizeBytes: 3, checksum });
 * const stats = { decompressedBytes: 3, cpuTimeMs: 1, maxRssKib: 90_000 };
 * registry.setPrepared(id, { ...published, checksum, stats });
 * assertEquals(await Deno.readFile(published.path), content);
 *
 * now = 60_001;
 * assertEquals(await registry.prune(60_000), [{ id, ...published }]);
 * assertEquals(registry.get(id), undefined);
 * ```
 */
export class ArtifactRegistry implements AsyncDisposable {
  /** The cache directory, absolute if the permissions allow that. */
  readonly path: string;
  /** What the clean-up at the start deleted, and what it could not delete. */
  readonly cleanUp: CleanUpReport;
  readonly #lock: CacheLock;
  readonly #table: ArtifactTable;
  readonly #options: ResolvedRegistryOptions;
  /** What works on the disk now. It ends before the lock is released: the next holder must not find anybody at work. */
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(path: string, cleanUp: CleanUpReport, lock: CacheLock, options: ResolvedRegistryOptions) {
    this.path = path;
    this.cleanUp = cleanUp;
    this.#lock = lock;
    this.#table = new ArtifactTable(options);
    this.#options = options;
  }

  /**
   * Opens the registry of a cache directory: creates it, locks it, and deletes what an earlier host left there. Only
   * what is ours is deleted; what cannot be deleted is reported by {@linkcode cleanUp}.
   *
   * Requires `--allow-read` and `--allow-write` for the cache directory.
   *
   * @param options The directory, and what to use in place of the defaults.
   * @returns The registry, empty.
   * @throws {CacheLockedError} If another host uses the directory.
   * @throws {TypeError} If the path is empty, contains a comma, or is one that Deno does not open to workers.
   * @throws {RangeError} If a limit is not a whole number of at least 1.
   * @throws {Deno.errors.NotADirectory} If there is something else at the path.
   */
  static async open(options: ArtifactRegistryOptions): Promise<ArtifactRegistry> {
    const resolved = resolveRegistryOptions(options);
    const path = await openCacheDirectory(options.path);
    using untilOpen = new DisposableStack();
    const lock = untilOpen.use(await CacheLock.acquire(path));
    const registry = new ArtifactRegistry(path, await cleanUp(path), lock, resolved);
    untilOpen.move();
    return registry;
  }

  /** How many artifacts are known, whatever their state. */
  get size(): number {
    return this.#table.size;
  }

  /** The lengths of all prepared artifacts together, in bytes. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** What is known of the artifact `id`, or `undefined`. */
  get(id: ArtifactId): ArtifactState | undefined {
    return this.#table.get(id);
  }

  /** Everything that is known, by artifact. */
  entries(): IterableIterator<[ArtifactId, ArtifactState]> {
    return this.#table.entries();
  }

  /**
   * Notes that `id` is going to be prepared.
   *
   * @param id The artifact, of which nothing must be known: a failed one is tried again by {@linkcode retryPreparing}.
   * @param numFailures How many preparations failed before.
   * @throws {Error} If the artifact is known.
   * @throws {RangeError} If `numFailures` is not a whole number of at least 0.
   */
  insertPreparing(id: ArtifactId, numFailures = 0): void {
    assertWhole("numFailures", numFailures, 0);
    this.#table.insertPreparing(id, numFailures);
  }

  /**
   * Notes that `id`, which failed, is going to be prepared again. The count of its failures stays.
   *
   * @throws {Error} If it is in another state.
   */
  retryPreparing(id: ArtifactId): void {
    this.#table.retryPreparing(id);
  }

  /**
   * Notes an artifact that was not prepared by way of this registry, for tests and tools. Its file belongs to the
   * registry from now on.
   *
   * @throws {Error} If the artifact is known, or another one has the same file.
   * @throws {TypeError} If the file is not one of the registry's directory, or has no checksum of 32 bytes.
   */
  insertPrepared(id: ArtifactId, file: ArtifactFile): void {
    this.#assertFile(file);
    this.#table.insertPrepared(id, file);
  }

  /**
   * Notes that preparing `id` gave `file`, which {@linkcode publish} has put in place. It counts as needed now.
   *
   * @throws {Error} If the artifact is not being prepared, or another one has the same file.
   * @throws {TypeError} If the file is not one of the registry's directory, or has no checksum of 32 bytes.
   */
  setPrepared(id: ArtifactId, file: ArtifactFile): void {
    this.#assertFile(file);
    this.#table.setPrepared(id, file);
  }

  /**
   * Notes that preparing `id` failed, now and once more.
   *
   * @throws {Error} If the artifact is not being prepared.
   */
  setFailed(id: ArtifactId, error: PrepareError, limits: PrepareLimits = "compile"): void {
    this.#table.setFailed(id, error, limits);
  }

  /**
   * Forgets that `id` was being prepared: nothing came of it that says anything about the artifact.
   *
   * @throws {Error} If the artifact is not being prepared.
   */
  abandonPreparing(id: ArtifactId): void {
    this.#table.abandonPreparing(id);
  }

  /** Notes that the artifact `id` is needed now. Gives back whether it is prepared; if it is not, nothing changes. */
  touch(id: ArtifactId): boolean {
    return this.#table.touch(id);
  }

  /**
   * Takes over the file that a worker left: copies it into the directory under a random name, so that a reader sees the
   * whole file or none, and no file handle that the worker kept can change it. The worker's own file stays where it is.
   *
   * Requires `--allow-read` and `--allow-write` for the cache directory, and `--allow-read` for `source`.
   *
   * @param source The path of the worker's file.
   * @param announced What the worker said of it.
   * @returns The file, for {@linkcode setPrepared} or, if it is not wanted after all, for {@linkcode discard}.
   * @throws {PublishError} If the file is not a regular one with a single name, differs from what was announced, or
   * reading or writing fails.
   */
  publish(source: string, announced: AnnouncedFile): Promise<PublishedFile> {
    const { maxArtifactBytes: maxBytes, randomBytes } = this.#options;
    return this.#run("publish", () => publish({ directory: this.path, source, announced, maxBytes, randomBytes }));
  }

  /**
   * Deletes a published file that no artifact is to have.
   *
   * @throws {Error} If an artifact has it.
   */
  discard(path: string): Promise<void> {
    return this.#run("discard", async () => {
      this.#assertUnnamed(path);
      const error = await deleteFile(path);
      if (error !== undefined) throw error;
    });
  }

  /**
   * Forgets a prepared artifact, at once, and deletes its file.
   *
   * @param id The artifact.
   * @param path The file that turned out to be bad. If the artifact has another one by now, or is being prepared anew,
   * nothing changes.
   * @returns What was removed, or `undefined` where nothing changed.
   */
  remove(id: ArtifactId, path?: string): Promise<RemovedArtifact | undefined> {
    return this.#run("remove", async () => {
      const taken = this.#table.take(id, path);
      return taken && await deleteArtifact(taken);
    });
  }

  /**
   * Forgets exactly the prepared artifacts that nobody needed for more than `ttlMs`, at once, and deletes their files.
   * If the clock went backwards, what was needed in its future is not old.
   *
   * @param ttlMs The age up to which an artifact stays, in milliseconds.
   * @param isInUse Says of an artifact whether it has to stay because a job needs it.
   * @returns What was removed.
   * @throws {RangeError} If `ttlMs` is not a finite number of at least 0.
   */
  prune(ttlMs: number, isInUse?: (id: ArtifactId) => boolean): Promise<RemovedArtifact[]> {
    return this.#run("prune", () => {
      assertFinite(`a TTL of ${ttlMs} ms`, ttlMs);
      return Promise.all(this.#table.takeStale(ttlMs, isInUse).map(deleteArtifact));
    });
  }

  /**
   * Forgets the least recently needed artifacts, at once, and deletes their files, while all artifacts together take more than
   * `limitBytes`; but none that was needed within `minStaleMs`, so that what is over the limit may stay over it.
   *
   * @param limitBytes How many bytes all artifacts together may take.
   * @param minStaleMs The age from which an artifact may be removed, in milliseconds.
   * @param isInUse Says of an artifact whether it has to stay because a job needs it.
   * @returns What was removed.
   * @throws {RangeError} If a limit is not a finite number of at least 0.
   */
  pruneToSize(
    limitBytes: number,
    minStaleMs: number,
    isInUse?: (id: ArtifactId) => boolean,
  ): Promise<RemovedArtifact[]> {
    return this.#run("prune", () => {
      assertFinite(`a limit of ${limitBytes} bytes`, limitBytes);
      assertFinite(`a stale time of ${minStaleMs} ms`, minStaleMs);
      return Promise.all(this.#table.takeOverLimit(limitBytes, minStaleMs, isInUse).map(deleteArtifact));
    });
  }

  /**
   * A new path in the cache directory, for a directory that the next start will delete if this host does not.
   *
   * @param prefix How its name begins, such as `worker-dir-prepare-`. 32 random hex digits follow.
   * @throws {TypeError} If the next start would leave a directory of that name alone.
   */
  newPath(prefix: DirectoryPrefix): string {
    this.#assertOpen("name a directory");
    return join(this.path, directoryName(prefix, this.#options.randomBytes));
  }

  /**
   * Waits for what works on the disk, and lets another host have the directory. Files stay, for the next start to
   * delete. May be called again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running);
    this.#lock.release();
  }

  /** Runs `work`, up to its first `await` before this returns. */
  async #run<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#assertOpen(what);
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** After closing, the directory may be another host's. */
  #assertOpen(what: string): void {
    if (this.#closing === undefined) return;
    throw new Error(`Cannot ${what}: found the registry of ${this.path} closed, an open one wanted`);
  }

  #assertFile({ checksum, path, sizeBytes }: ArtifactFile): void {
    assertWhole("sizeBytes", sizeBytes, 0);
    if (checksum.length !== 32) {
      throw new TypeError(`Cannot note an artifact: found a checksum of ${checksum.length} bytes, 32 wanted`);
    }
    this.#assertUnnamed(path);
  }

  /** A file that an entry names is deleted with it, so that it must be the registry's own, and the entry's own. */
  #assertUnnamed(path: string): void {
    if (join(this.path, basename(path)) !== path || !isArtifactName(basename(path))) {
      throw new TypeError(
        `Cannot use the file ${path}: found it elsewhere, a .pvf file directly in ${this.path} wanted`,
      );
    }
    if (this.#table.hasFile(path)) {
      throw new Error(`Cannot use the file ${path}: found it in use, a file of its own wanted`);
    }
  }
}

function assertFinite(what: string, value: number): void {
  if (value >= 0 && value < Infinity) return;
  throw new RangeError(`Cannot prune: found ${what}, a finite number of at least 0 wanted`);
}

async function deleteArtifact(taken: TakenArtifact): Promise<RemovedArtifact> {
  const error = await deleteFile(taken.path);
  return error === undefined ? taken : { ...taken, error };
}

/** Deletes a file; gives back why it is still there, if it is. */
async function deleteFile(path: string): Promise<Error | undefined> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    return error instanceof Error ? error : new Error(String(error));
  }
  return undefined;
}
