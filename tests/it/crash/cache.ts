/** A cache directory in which a user keeps things, too, and what may be in it before and after a crash. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";

/** Every entry below a directory by its path: the text of a file, where a link leads, or that it is a directory. */
export type Contents = Record<string, string>;

/** What looks like a host's to somebody who does not look closely. */
const USERS: Contents = {
  "notes.txt": "a user's",
  "abcd.pvfartifact": "a user's",
  "polkadot_0.0.1_c0de_0x00": "a user's",
  ".pvf": "a user's",
  "tmp-0a.pvf.bak": "a user's",
  "worker-prepare-test/inner.pvf": "a user's",
  "photos/worker-dir-x/inner.pvf": "a user's",
  "album.pvf/kiln.lock": "a user's",
};

/** What hosts that were killed long ago have left. */
const LEFTOVERS: Contents = {
  "kiln.lock": "12345\nsomebody else's claim\n",
  [`0x${"ab".repeat(64)}.pvf`]: "an artifact that may be anything",
  [`tmp-${"ab".repeat(16)}.pvf`]: "half an artif",
  "wasmtime_0.0.1_c0de_0x00": "an artifact of another kind of host",
  [`kiln-worker-program-${"ab".repeat(16)}/worker/main.js`]: "a program",
  [`worker-dir-prepare-${"ab".repeat(16)}/tmp-artifact`]: "what a worker wrote",
  [`worker-dir-execute-${"ab".repeat(16)}/a/b/file`]: "what a job wrote",
  [`worker-dir-execute-${"ab".repeat(16)}-removed/file`]: "what was to be removed",
};

/** A cache directory with what is in it from the start; it goes with the test. */
export class Cache implements AsyncDisposable {
  readonly path: string;
  readonly #users: Contents;

  private constructor(path: string, users: Contents) {
    this.path = path;
    this.#users = users;
  }

  static async make(): Promise<Cache> {
    const path = await Deno.makeTempDir({ prefix: "kiln-crash-" });
    write(path, USERS);
    await Deno.symlink("photos", join(path, "worker-dir-link"));
    const users = contents(path);
    write(path, LEFTOVERS);
    return new Cache(path, users);
  }

  /** What is there besides the user's things, which must all be there as they were. */
  others(): string[] {
    const found = contents(this.path);
    const users = Object.fromEntries(Object.entries(found).filter(([name]) => name in this.#users));
    assertEquals(users, this.#users);
    const names = Array.from(Deno.readDirSync(this.path), ({ name }) => name);
    return names.filter((name) => !(name in this.#users)).sort();
  }

  /** What hosts have left under the name of an artifact since the cache was made. */
  artifacts(): Uint8Array[] {
    const names = this.others().filter((name) => name.startsWith("0x") && !(name in LEFTOVERS));
    return names.map((name) => Deno.readFileSync(join(this.path, name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

function write(directory: string, files: Contents): void {
  for (const [name, text] of Object.entries(files)) {
    Deno.mkdirSync(join(directory, name, ".."), { recursive: true });
    Deno.writeTextFileSync(join(directory, name), text);
  }
}

function contents(directory: string, prefix = ""): Contents {
  const found: Contents = {};
  for (const { name, isDirectory, isSymlink } of Deno.readDirSync(directory)) {
    const path = join(directory, name);
    if (isDirectory) Object.assign(found, contents(path, `${prefix}${name}/`));
    found[prefix + name] = isDirectory ? "a directory" : isSymlink ? Deno.readLinkSync(path) : readText(path);
  }
  return found;
}

function readText(path: string): string {
  return new TextDecoder().decode(Deno.readFileSync(path));
}
