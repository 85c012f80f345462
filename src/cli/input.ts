/** Reads the files that the command is given. */

/** A file that cannot be read. */
export class InputError extends Error {
  override name = "InputError";
  /** Why, in a word. */
  readonly reason: "not-found" | "is-a-directory" | "not-permitted" | "too-long" | "unreadable";

  constructor(reason: InputError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

const CHUNK_BYTES = 256 * 1024;

/** The bytes of a file or pipe, which may not be more than `maxBytes`. Throws {@linkcode InputError}. */
export async function readInput(what: string, path: string, maxBytes: number): Promise<Uint8Array> {
  const problem = (reason: InputError["reason"], why: string, cause?: unknown): InputError =>
    new InputError(reason, `Cannot read ${what} "${path}": ${why}`, { cause });
  try {
    if ((await Deno.stat(path)).isDirectory) throw problem("is-a-directory", "it is a directory");
    const bytes = await readUpTo(path, maxBytes);
    if (!bytes) throw problem("too-long", `it is longer than the ${maxBytes} bytes that are wanted at most`);
    return bytes;
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (error instanceof Deno.errors.NotFound) throw problem("not-found", "there is no such file");
    if (error instanceof Deno.errors.NotCapable) {
      throw problem("not-permitted", `Deno was not given --allow-read=${path}`, error);
    }
    throw problem("unreadable", error instanceof Error ? error.message : String(error), error);
  }
}

/** What a file has, or `undefined` if that is more than `maxBytes`. The length of a pipe is not known before its end. */
async function readUpTo(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  using file = await Deno.open(path);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const read = await file.read(chunk);
    if (read === null) break;
    length += read;
    if (length > maxBytes) return undefined;
    chunks.push(chunk.subarray(0, read));
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
