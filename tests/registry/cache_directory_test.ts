import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openCacheDirectory } from "../../src/registry/cache_directory.ts";
import { confined, LEAK_FREE, namesIn, outputOf, TempDirectory } from "./fixtures.ts";

async function confinedPath(cwd: string, cache: string): Promise<string> {
  return JSON.parse(await outputOf(confined({ script: "open_and_list.ts", cache, cwd }))).path;
}

Deno.test("openCacheDirectory() creates the directory with its parents", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("a", "b", "cache");
  assertEquals(await openCacheDirectory(path), path);
  assertEquals(await openCacheDirectory(`${path}/`), path);
  assertEquals(await namesIn(path), []);
});

Deno.test("openCacheDirectory() gives back the real path when all is permitted", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("real"));
  await Deno.symlink(directory.at("real"), directory.at("link"));
  assertEquals(await openCacheDirectory(directory.at("link")), directory.at("real"));
  assertEquals(await openCacheDirectory(directory.at("link", "cache")), directory.at("real", "cache"));
});

Deno.test("A confined host opens its cache directory", LEAK_FREE, async (t) => {
  await using directory = await TempDirectory.make();
  const cwd = directory.path;
  await t.step("by an absolute path", async () => {
    assertEquals(await confinedPath(cwd, directory.at("absolute", "cache")), directory.at("absolute", "cache"));
  });
  await t.step("by a relative path", async () => {
    assertEquals(await confinedPath(cwd, "relative/cache"), directory.at("relative", "cache"));
    assertEquals(await confinedPath(cwd, "./relative/cache/"), directory.at("relative", "cache"));
  });
  await t.step("by a path that goes up first", async () => {
    await Deno.mkdir(directory.at("sub"));
    assertEquals(await confinedPath(directory.at("sub"), "../cache"), directory.at("cache"));
  });
  await t.step("by a name with spaces and signs", async () => {
    assertEquals(await confinedPath(cwd, "a b=c:d%41é"), directory.at("a b=c:d%41é"));
  });
});

Deno.test("A confined host keeps to the spelling that was granted when a link is in the way", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("real", "cache"), { recursive: true });
  await Deno.symlink(directory.at("real"), directory.at("link"));
  await Deno.writeTextFile(directory.at("real", "cache", "old.pvf"), "");
  assertEquals(await confinedPath(directory.path, directory.at("link", "cache")), directory.at("link", "cache"));
  assertEquals(await confinedPath(directory.path, "link/cache"), "link/cache");
  assertEquals(await namesIn(directory.at("real", "cache")), []);
});

Deno.test("openCacheDirectory() goes up by the letters of the path, as permissions do", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("real", "sub"), { recursive: true });
  await Deno.symlink(directory.at("real", "sub"), directory.at("link"));
  assertEquals(await openCacheDirectory(`${directory.path}/link/../cache`), directory.at("cache"));
  assertEquals(await namesIn(directory.path), ["cache", "link", "real"]);
});

Deno.test("openCacheDirectory() refuses a comma before it creates anything", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("a,b");
  const error = await assertRejects(() => openCacheDirectory(path), TypeError);
  assertEquals(error.message, `Cannot use the cache directory ${path}: found a comma, a path without one wanted`);
  assertEquals(await namesIn(directory.path), []);
});

Deno.test("openCacheDirectory() refuses a comma in the real path", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("a,b"));
  await Deno.symlink(directory.at("a,b"), directory.at("link"));
  await assertRejects(() => openCacheDirectory(directory.at("link")), TypeError, "a,b: found a comma");
});

Deno.test("openCacheDirectory() refuses an empty path", LEAK_FREE, async () => {
  await assertRejects(() => openCacheDirectory(""), TypeError, "found an empty path");
});

Deno.test("openCacheDirectory() refuses what is not a directory", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("file");
  await Deno.writeTextFile(path, "kept");
  const error = await assertRejects(() => openCacheDirectory(path), Deno.errors.NotADirectory);
  assertEquals(
    error.message,
    `Cannot use the cache directory ${path}: found something else there, a directory or nothing wanted`,
  );
  await Deno.symlink(directory.at("nowhere"), directory.at("dangling"));
  await assertRejects(() => openCacheDirectory(directory.at("dangling")), Deno.errors.NotADirectory);
  await assertRejects(() => openCacheDirectory(directory.at("file", "cache")), Deno.errors.NotADirectory, path);
  assertEquals(await Deno.readTextFile(path), "kept");
});

Deno.test(
  "openCacheDirectory() refuses what Deno does not open to workers, and creates nothing",
  { ignore: Deno.build.os === "windows" },
  async () => {
    const path = `/dev/shm/kiln-${crypto.randomUUID()}`;
    const error = await assertRejects(() => openCacheDirectory(path), TypeError);
    assertStringIncludes(error.message, `Cannot use the cache directory ${path}: found it below /dev, /proc or /sys`);
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  },
);
