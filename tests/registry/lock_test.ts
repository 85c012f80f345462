import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CacheLock, CacheLockedError } from "../../src/registry/lock.ts";
import { confined, LEAK_FREE, namesIn, outputOf, TempDirectory } from "./fixtures.ts";

/** Runs `interfere` where another host might: after the lock file was opened, before it is locked. */
function beforeNextLock(interfere: () => Promise<void>): void {
  const tryLock = Deno.FsFile.prototype.tryLock;
  Deno.FsFile.prototype.tryLock = async function (exclusive) {
    Deno.FsFile.prototype.tryLock = tryLock;
    await interfere();
    return this.tryLock(exclusive);
  };
}

/** The pid in the first line, which serves whoever reads the file. */
async function pidIn(path: string): Promise<number> {
  return Number((await Deno.readTextFile(path)).split("\n")[0]);
}

/** A process that holds the lock of `cache`, once it says so. */
async function startHolder(cache: string): Promise<Deno.ChildProcess> {
  const child = confined({ script: "hold_lock.ts", cache, cwd: cache }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  assertEquals(new TextDecoder().decode(value), `open ${cache}\n`);
  return child;
}

async function endHolder(child: Deno.ChildProcess): Promise<void> {
  await child.stdin.close();
  await child.output();
}

Deno.test("CacheLock.acquire() writes the pid into kiln.lock, and release() removes it", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const lock = await CacheLock.acquire(cache.path);
  assertEquals(await namesIn(cache.path), ["kiln.lock"]);
  assertEquals(await pidIn(cache.at("kiln.lock")), Deno.pid);
  lock.release();
  lock.release();
  assertEquals(await namesIn(cache.path), []);
});

Deno.test("CacheLock.acquire() rejects while the same process holds the lock", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  {
    using _lock = await CacheLock.acquire(cache.path);
    const error = await assertRejects(() => CacheLock.acquire(cache.path), CacheLockedError);
    assertEquals(error.name, "CacheLockedError");
    assertEquals(error.path, cache.path);
    assertEquals(error.pid, Deno.pid);
    assertEquals(
      error.message,
      `Cannot use the cache directory ${cache.path}: found it locked by another host in this process ` +
        `(pid ${Deno.pid}), one of its own wanted`,
    );
    assertEquals(await pidIn(cache.at("kiln.lock")), Deno.pid);
  }
  using _lock = await CacheLock.acquire(cache.path);
});

Deno.test("CacheLock.acquire() rejects while another process holds the lock", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const holder = await startHolder(cache.path);
  const error = await assertRejects(() => CacheLock.acquire(cache.path), CacheLockedError);
  assertEquals(error.pid, holder.pid);
  assertStringIncludes(error.message, cache.path);
  assertStringIncludes(error.message, `the host with pid ${holder.pid}`);
  await endHolder(holder);
  using _lock = await CacheLock.acquire(cache.path);
});

Deno.test("CacheLock keeps another process out", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  using _lock = await CacheLock.acquire(cache.path);
  const open = confined({ script: "open_and_list.ts", cache: cache.path, cwd: cache.path });
  const error = await assertRejects(() => outputOf(open), Error);
  assertStringIncludes(error.message, `CacheLockedError: Cannot use the cache directory ${cache.path}`);
  assertStringIncludes(error.message, `pid ${Deno.pid}`);
});

Deno.test("CacheLock.acquire() takes over from a process that was killed", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const holder = await startHolder(cache.path);
  holder.kill("SIGKILL");
  await endHolder(holder);
  assertEquals(await pidIn(cache.at("kiln.lock")), holder.pid);
  using _lock = await CacheLock.acquire(cache.path);
  assertEquals(await pidIn(cache.at("kiln.lock")), Deno.pid);
});

Deno.test("CacheLock.acquire() takes a stale file over, whatever is in it", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  for (const stale of ["", "1\n", "99999999999999999999\n", "x".repeat(10_000)]) {
    await Deno.writeTextFile(cache.at("kiln.lock"), stale);
    using _lock = await CacheLock.acquire(cache.path);
    assertEquals(await pidIn(cache.at("kiln.lock")), Deno.pid);
  }
});

Deno.test("CacheLock.acquire() does not touch a file that it could not lock", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  for (const [content, pid] of [["", undefined], ["123", undefined], ["x\n", undefined], ["123\n", 123]] as const) {
    await Deno.writeTextFile(cache.at("kiln.lock"), content);
    using holder = await Deno.open(cache.at("kiln.lock"));
    assert(await holder.tryLock(true));
    const error = await assertRejects(() => CacheLock.acquire(cache.path), CacheLockedError);
    assertEquals(error.pid, pid);
    assertStringIncludes(error.message, pid === undefined ? "a host of unknown pid" : "the host with pid 123");
    assertEquals(await Deno.readTextFile(cache.at("kiln.lock")), content);
  }
});

Deno.test("CacheLock.acquire() refuses what is not a regular file", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const path = cache.at("kiln.lock");
  const obstacles: [what: string, make: () => Promise<unknown>][] = [
    ["a directory", () => Deno.mkdir(path)],
    ["a symbolic link", () => Deno.symlink(cache.at("elsewhere"), path)],
    ["a special file", () => new Deno.Command("mkfifo", { args: [path] }).output()],
  ];
  for (const [what, make] of obstacles) {
    await make();
    const error = await assertRejects(() => CacheLock.acquire(cache.path), Error);
    assertEquals(
      error.message,
      `Cannot lock the cache directory: found ${what} at ${path}, a regular file or nothing wanted`,
    );
    await Deno.remove(path);
  }
  assertEquals(await namesIn(cache.path), []);
});

Deno.test("CacheLock.acquire() tries again when the file it locked was removed meanwhile", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  beforeNextLock(() => Deno.remove(cache.at("kiln.lock")));
  using _lock = await CacheLock.acquire(cache.path);
  assertEquals(await pidIn(cache.at("kiln.lock")), Deno.pid);
  await assertRejects(() => CacheLock.acquire(cache.path), CacheLockedError);
});

Deno.test("CacheLock.acquire() rejects when another host took the name meanwhile", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  using others = new DisposableStack();
  beforeNextLock(async () => {
    await Deno.remove(cache.at("kiln.lock"));
    others.use(await CacheLock.acquire(cache.path));
  });
  await assertRejects(() => CacheLock.acquire(cache.path), CacheLockedError);
  assertEquals(await pidIn(cache.at("kiln.lock")), Deno.pid);
});

Deno.test("CacheLock.release() leaves a file alone that is not its own", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const lock = await CacheLock.acquire(cache.path);
  await Deno.remove(cache.at("kiln.lock"));
  await Deno.writeTextFile(cache.at("kiln.lock"), "another host's");
  lock.release();
  assertEquals(await Deno.readTextFile(cache.at("kiln.lock")), "another host's");
});

Deno.test("CacheLock.release() works when the directory is gone", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await Deno.mkdir(cache.at("inner"));
  const lock = await CacheLock.acquire(cache.at("inner"));
  await Deno.remove(cache.at("inner"), { recursive: true });
  lock.release();
});

Deno.test("CacheLock.acquire() gets the lock without room for a pid", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const write = Deno.FsFile.prototype.write;
  Deno.FsFile.prototype.write = () => Promise.reject(new Error("No space left on device"));
  try {
    using _lock = await CacheLock.acquire(cache.path);
    const error = await assertRejects(() => CacheLock.acquire(cache.path), CacheLockedError);
    assertEquals(error.pid, undefined);
  } finally {
    Deno.FsFile.prototype.write = write;
  }
});

Deno.test("CacheLock lets one in at a time when many come and go", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  let holders = 0;
  let turns = 0;
  async function takeTurn(): Promise<void> {
    try {
      using _lock = await CacheLock.acquire(cache.path);
      assertEquals(++holders, 1);
      await Deno.stat(cache.path);
      holders--;
      turns++;
    } catch (error) {
      if (!(error instanceof CacheLockedError)) throw error;
    }
  }
  async function takeTurns(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await takeTurn();
  }
  await Promise.all(Array.from({ length: 8 }, takeTurns));
  assert(turns > 0);
  assertEquals(await namesIn(cache.path), []);
});
