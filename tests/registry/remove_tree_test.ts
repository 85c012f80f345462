import { assertEquals, assertRejects } from "@std/assert";
import { removeTree } from "../../src/registry/remove_tree.ts";
import { LEAK_FREE, namesIn, TempDirectory } from "./fixtures.ts";

/** More levels than a recursion on the stack of a thread comes back from. */
const DEEP = 15_000;
const CHAIN = 1_500;

/** A chain of directories within the longest path that the system takes. */
async function makeChain(path: string, levels: number): Promise<string> {
  await Deno.mkdir(path);
  let bottom = path;
  for (let level = 0; level < levels; level++) {
    bottom += "/a";
    await Deno.mkdir(bottom);
  }
  return bottom;
}

/** Nests chains into one another, as a worker can that may do nothing but write its directory. */
async function nestDeeply(root: string, levels: number): Promise<void> {
  let top = `${root}/chain0`;
  await makeChain(top, CHAIN);
  for (let depth = CHAIN; depth < levels; depth += CHAIN + 1) {
    const next = `${root}/chain${depth}`;
    await Deno.rename(top, `${await makeChain(next, CHAIN)}/b`);
    top = next;
  }
}

Deno.test("removeTree() removes files, directories and what is in them", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("root", "a", "b", "c"), { recursive: true });
  await Deno.mkdir(directory.at("root", "a", "empty"));
  for (const path of ["root/file", "root/a/file", "root/a/b/file", "root/a/b/c/file"]) {
    await Deno.writeTextFile(directory.at(path), path);
  }
  await removeTree(directory.at("root"));
  assertEquals(await namesIn(directory.path), []);
});

Deno.test("removeTree() removes symbolic links and leaves alone where they lead", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("outside", "nested"), { recursive: true });
  await Deno.writeTextFile(directory.at("outside", "nested", "file"), "kept");
  await Deno.mkdir(directory.at("root", "a"), { recursive: true });
  for (const name of ["root/link", "root/a/link"]) await Deno.symlink(directory.at("outside"), directory.at(name));
  await Deno.symlink(directory.at("outside", "nested", "file"), directory.at("root", "a", "file"));
  await removeTree(directory.at("root"));
  assertEquals(await namesIn(directory.path), ["outside"]);
  assertEquals(await Deno.readTextFile(directory.at("outside", "nested", "file")), "kept");
});

Deno.test("removeTree() removes a link in place of the directory, and nothing else", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("outside", "a", "b"), { recursive: true });
  await Deno.chmod(directory.at("outside"), 0o755);
  await Deno.symlink(directory.at("outside"), directory.at("root"));
  await removeTree(directory.at("root"));
  assertEquals(await namesIn(directory.path), ["outside"]);
  assertEquals(await namesIn(directory.at("outside", "a")), ["b"]);
  assertEquals(((await Deno.stat(directory.at("outside"))).mode ?? 0) & 0o777, 0o755);
});

Deno.test("removeTree() does not overflow the stack when directories are nested without end", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("root"));
  await nestDeeply(directory.at("root"), DEEP);
  await removeTree(directory.at("root"));
  assertEquals(await namesIn(directory.path), []);
});

Deno.test("removeTree() removes directories that a worker has closed to everybody", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.mkdir(directory.at("root", "a", "b", "c"), { recursive: true });
  await Deno.writeTextFile(directory.at("root", "a", "b", "file"), "");
  for (const path of ["root/a/b/c", "root/a/b", "root/a", "root"]) await Deno.chmod(directory.at(path), 0o000);
  await removeTree(directory.at("root"));
  assertEquals(await namesIn(directory.path), []);
});

Deno.test("removeTree() rejects when there is no such directory", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await assertRejects(() => removeTree(directory.at("absent")), Deno.errors.NotFound);
});
