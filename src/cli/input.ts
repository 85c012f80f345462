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

/** The bytes of a file, which may not be more than `maxBytes`. Throws {@linkcode InputError}. */
export async function readInput(what: string, path: string, maxBytes: number): Promise<Uint8Array> {
  const problem = (reason: InputError["reason"], why: string, cause?: unknown): InputError =>
    new InputError(reason, `Cannot read ${what} "${path}": ${why}`, { cause });
  try {
    const { isDirectory, size } = await Deno.stat(path);
    if (isDirectory) throw problem("is-a-directory", "it is a directory");
    if (size > maxBytes) throw problem("too-long", `${size} bytes, at most ${maxBytes} wanted`);
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    if (error instanceof Deno.errors.NotFound) throw problem("not-found", "there is no such file");
    if (error instanceof Deno.errors.NotCapable) {
      throw problem("not-permitted", `Deno was not given --allow-read=${path}`, error);
    }
    throw problem("unreadable", error instanceof Error ? error.message : String(error), error);
  }
}
