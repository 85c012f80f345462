import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { join } from "@std/path";
import { artifactName, type RandomBytes, temporaryName } from "./names.ts";
import { openUntrustedFile, UnfitFileError } from "./untrusted_file.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * What a worker says of the file that it left.
 *
 * @example What to announce for a content
 * ```ts
 * import type { AnnouncedFile } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * async function announce(content: Uint8Array<ArrayBuffer>): Promise<AnnouncedFile> {
 *   return { sizeBytes: content.length, checksum: new Uint8Array(await crypto.subtle.digest("SHA-256", content)) };
 * }
 *
 * assertEquals((await announce(new Uint8Array(3))).sizeBytes, 3);
 * ```
 */
export interface AnnouncedFile {
  /** The length of the file, in bytes. */
  readonly sizeBytes: number;
  /** The SHA-256 of its content, 32 bytes. */
  readonly checksum: Uint8Array;
}

/**
 * A file that was taken over.
 *
 * @example The shape
 * ```ts
 * import type { PublishedFile } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const published: PublishedFile = { path: `/var/cache/kiln/0x${"ab".repeat(64)}.pvf`, sizeBytes: 1024 };
 * assertEquals(published.sizeBytes, 1024);
 * ```
 */
export interface PublishedFile {
  /** Where the file is: directly in the registry's directory, under a random name. */
  readonly path: string;
  /** The length of the file, in bytes. */
  readonly sizeBytes: number;
}

/**
 * A worker's file was not taken over; nothing was published.
 *
 * @example A worker that announced a file and left none
 * ```ts
 * import { ArtifactRegistry, PublishError } from "@kiln/host";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * await using registry = await ArtifactRegistry.open({ path: await Deno.makeTempDir() });
 * const source = `${registry.path}/absent`;
 * const announced = { sizeBytes: 3, checksum: new Uint8Array(32) };
 * const error = await assertRejects(() => registry.publish(source, announced), PublishError);
 * assertEquals(error.blame, "worker");
 * assertEquals(error.message, `Cannot publish ${source}: found nothing, a regular file wanted`);
 * ```
 */
export class PublishError extends Error {
  /** The path of the worker's file. */
  readonly source: string;
  /** The path that the file was to have. */
  readonly destination: string;
  /** `worker` if what it left is not what it announced, `host` if reading or writing failed. */
  readonly blame: "worker" | "host";

  /** Makes the error for `cause`, which kept `source` from becoming `destination`. */
  constructor(source: string, destination: string, cause: unknown) {
    super(`Cannot publish ${source}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "PublishError";
    this.source = source;
    this.destination = destination;
    this.blame = cause instanceof UnfitFileError ? "worker" : "host";
  }
}

/** What {@linkcode publish} works with. */
export interface PublishOptions {
  /** The cache directory. */
  readonly directory: string;
  /** The path of the worker's file. */
  readonly source: string;
  /** What the worker said of it. */
  readonly announced: AnnouncedFile;
  /** The largest file to take over, in bytes. */
  readonly maxBytes: number;
  /** Where random names come from. */
  readonly randomBytes: RandomBytes;
}

/**
 * Takes over a file that a worker left: a reader of the cache directory sees the whole file under its final name, or
 * none.
 *
 * The bytes are copied. Renaming the worker's own file would be cheaper, but the worker may still hold it open, and
 * could change the artifact after it was checked.
 *
 * @throws {PublishError} If the file is not what the worker announced, or reading or writing fails.
 */
export async function publish(options: PublishOptions): Promise<PublishedFile> {
  const destination = join(options.directory, artifactName(options.randomBytes));
  try {
    await publishAs(destination, options);
  } catch (error) {
    throw new PublishError(options.source, destination, error);
  }
  return { path: destination, sizeBytes: options.announced.sizeBytes };
}

async function publishAs(destination: string, options: PublishOptions): Promise<void> {
  const { announced, directory, maxBytes, randomBytes, source } = options;
  if (!(announced.sizeBytes <= maxBytes)) {
    throw new UnfitFileError(`found ${announced.sizeBytes} bytes announced, at most ${maxBytes} wanted`);
  }
  await using from = await openUntrustedFile(source, announced.sizeBytes);
  const temporary = join(directory, temporaryName(randomBytes));
  using to = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
  try {
    await copyChecked(from, to, announced);
    // Before the rename: a name must never stand for content that a power failure can still take back.
    await to.sync();
    await assertAbsent(destination);
    await Deno.rename(temporary, destination);
  } catch (error) {
    // What cannot be removed now has a name that the next start removes.
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await syncDirectory(directory);
}

/** Copies as much as was announced; a file that goes on growing ends the copy instead of prolonging it. */
async function copyChecked(from: FileHandle, to: Deno.FsFile, announced: AnnouncedFile): Promise<void> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(CHUNK_BYTES);
  let copiedBytes = 0;
  for (let chunk = await readChunk(from, buffer); chunk.length > 0; chunk = await readChunk(from, buffer)) {
    copiedBytes += chunk.length;
    if (copiedBytes > announced.sizeBytes) break;
    hash.update(chunk);
    await writeAll(to, chunk);
  }
  assertSize(copiedBytes, announced.sizeBytes);
  assertChecksum(hash.digest("hex"), announced.checksum.toHex());
}

async function readChunk(from: FileHandle, buffer: Uint8Array): Promise<Uint8Array> {
  const { bytesRead } = await from.read(buffer, 0, buffer.length, null);
  return buffer.subarray(0, bytesRead);
}

async function writeAll(to: Deno.FsFile, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) written += await to.write(chunk.subarray(written));
}

function assertSize(copiedBytes: number, wanted: number): void {
  if (copiedBytes > wanted) throw new UnfitFileError(`found more bytes than the announced ${wanted}, no more wanted`);
  if (copiedBytes < wanted) throw new UnfitFileError(`found only ${copiedBytes} bytes, the announced ${wanted} wanted`);
}

function assertChecksum(found: string, wanted: string): void {
  if (found !== wanted) throw new UnfitFileError(`found the checksum ${found}, the announced ${wanted} wanted`);
}

/** A rename replaces what has the name, so a source of randomness that repeats itself would replace an artifact. */
async function assertAbsent(destination: string): Promise<void> {
  try {
    await Deno.lstat(destination);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new Error("found the new name in use, a unique one wanted");
}

/**
 * Puts the new name on disk. Not every system lets a directory be opened, and a name that is lost only costs another
 * preparation.
 */
async function syncDirectory(path: string): Promise<void> {
  try {
    using directory = await Deno.open(path);
    await directory.sync();
  } catch {
    // The artifact can be read all the same.
  }
}
