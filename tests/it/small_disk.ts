/** A file system of its own that a test can fill and make read-only. */
import { join } from "@std/path";

/** How much room is left. */
export interface Room {
  /** For content, in whole pages. */
  readonly kib?: number;
  /** For files and directories, however small. */
  readonly files?: number;
}

/** A file system in memory, with a cache directory on it. It goes with the test, whoever still uses it. */
export class SmallDisk implements AsyncDisposable {
  readonly #path: string;
  readonly cachePath: string;

  private constructor(path: string) {
    this.#path = path;
    this.cachePath = join(path, "cache");
  }

  static async mount(): Promise<SmallDisk> {
    const path = await Deno.makeTempDir({ prefix: "kiln-disk-" });
    try {
      await run("mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=400", "kiln-test", path);
    } catch (error) {
      await Deno.remove(path);
      throw error;
    }
    const disk = new SmallDisk(path);
    await Deno.mkdir(disk.cachePath);
    return disk;
  }

  /** Leaves no more room than this. */
  fill({ kib, files }: Room): void {
    if (kib !== undefined) this.#fillWithContent(kib);
    if (files !== undefined) this.#fillWithFiles(files);
  }

  #fillWithContent(leftKib: number): void {
    using file = Deno.openSync(this.#filler(0), { write: true, create: true });
    let size = 0;
    untilFull(() => size += file.writeSync(new Uint8Array(4096)));
    file.truncateSync(size - leftKib * 1024);
  }

  #fillWithFiles(left: number): void {
    let number = 0;
    untilFull(() => Deno.writeTextFileSync(this.#filler(++number), ""));
    for (let freed = 1; freed <= left; freed++) Deno.removeSync(this.#filler(freed));
  }

  #filler(number: number): string {
    return join(this.#path, `filler-${number}`);
  }

  /** Takes away what {@linkcode fill} has put there. */
  empty(): void {
    const fillers = Array.from(Deno.readDirSync(this.#path)).filter(({ name }) => name.startsWith("filler-"));
    for (const { name } of fillers) Deno.removeSync(join(this.#path, name));
  }

  /**
   * Makes the cache directory read-only until what this gives back is disposed of. It puts a read-only view of the directory over it,
   * because the system does not take the right to write from a file system while files on it are open for writing.
   */
  async readOnly(): Promise<AsyncDisposable> {
    await run("mount", "--bind", this.cachePath, this.cachePath);
    await run("mount", "-o", "remount,bind,ro", this.cachePath);
    return { [Symbol.asyncDispose]: () => unmount(this.cachePath) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmount(this.#path);
    await Deno.remove(this.#path);
  }
}

/** Why no file system can be mounted here, if that is so. */
export async function whyNoDisk(): Promise<string | undefined> {
  try {
    await using _disk = await SmallDisk.mount();
    return undefined;
  } catch (error) {
    return `no file system can be mounted here, ${error instanceof Error ? error.message.split(": ").at(-1) : error}`;
  }
}

/** Does something again and again until there is no room left. */
function untilFull(work: () => void): void {
  try {
    for (;;) work();
  } catch (error) {
    if (!String(error).includes("No space left on device")) throw error;
  }
}

/** Whoever still uses it: what a failed test has left must not keep it mounted. */
async function unmount(path: string): Promise<void> {
  await run("umount", "--lazy", path);
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdin: "null", stdout: "null" }).output();
  if (success) return;
  // What comes in further lines is where else to look.
  const [message] = new TextDecoder().decode(stderr).split("\n");
  throw new Error(message);
}
