import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/**
 * Never through a symbolic link, and without waiting for the other end of a fifo, whatever takes the file's place
 * between looking and opening. A system without these flags has them undefined, which adds nothing.
 */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What opening ends with when the file is no longer the one that was looked at, or its mode was changed. */
const TAMPERING_CODES = new Set(["EACCES", "ELOOP", "ENOENT", "ENXIO"]);

/** A worker did not leave the file that it announced. The message has the form "found X, Y wanted". */
export class UnfitFileError extends Error {
  override name = "UnfitFileError";
}

/**
 * Opens a file that a worker left, for reading. It must be a regular file that has no other name, `sizeBytes` long. Its
 * content may still change: a worker may hold it open.
 *
 * @throws {UnfitFileError} If it is anything else.
 */
export async function openUntrustedFile(path: string, sizeBytes: number): Promise<FileHandle> {
  const seen = await lookAt(path);
  assertFits(seen, sizeBytes);
  return openSeenFile(path, seen);
}

/**
 * Opens the file at `path` if it is still the one that was seen there.
 *
 * @throws {UnfitFileError} If it is another one.
 */
export async function openSeenFile(path: string, seen: Deno.FileInfo): Promise<FileHandle> {
  const file = await openForReading(path);
  const opened = await file.stat();
  if (opened.dev === seen.dev && (seen.ino === null || opened.ino === seen.ino)) return file;
  await file.close();
  throw new UnfitFileError("found it replaced by another file, the one that was announced wanted");
}

async function lookAt(path: string): Promise<Deno.FileInfo> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UnfitFileError("found nothing, a regular file wanted", { cause: error });
  }
}

function assertFits(seen: Deno.FileInfo, sizeBytes: number): void {
  if (!seen.isFile) throw new UnfitFileError(`found ${describeType(seen)}, a regular file wanted`);
  // Another name is another way in, and perhaps somebody else's file.
  if (seen.nlink !== null && seen.nlink !== 1) {
    throw new UnfitFileError(`found a file with ${seen.nlink} hard links, one with 1 wanted`);
  }
  if (seen.size !== sizeBytes) throw new UnfitFileError(`found ${seen.size} bytes, the announced ${sizeBytes} wanted`);
}

function describeType(seen: Deno.FileInfo): string {
  if (seen.isSymlink) return "a symbolic link";
  return seen.isDirectory ? "a directory" : "a special file";
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, OPEN_FLAGS);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code !== "string" || !TAMPERING_CODES.has(code)) throw error;
    throw new UnfitFileError(`found a file that cannot be opened (${code}), a readable one wanted`, { cause: error });
  }
}
