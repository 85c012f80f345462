import { assert, assertEquals, assertRejects } from "@std/assert";
import { openSeenFile, openUntrustedFile, UnfitFileError } from "../../src/registry/untrusted_file.ts";
import { LEAK_FREE, namesIn, TempDirectory } from "./fixtures.ts";

async function assertUnfit(opening: () => Promise<unknown>, message: string): Promise<void> {
  const error = await assertRejects(opening, UnfitFileError);
  assertEquals(error.message, message);
}

Deno.test("openUntrustedFile() opens a regular file of the announced size", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.writeTextFile(directory.at("file"), "abc");
  await using file = await openUntrustedFile(directory.at("file"), 3);
  assertEquals(await file.readFile({ encoding: "utf8" }), "abc");
});

Deno.test("openUntrustedFile() refuses what is not a regular file, without opening it", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("left");
  await Deno.writeTextFile(directory.at("file"), "abc");
  const obstacles: [what: string, make: () => Promise<unknown>][] = [
    ["a symbolic link", () => Deno.symlink(directory.at("file"), path)],
    ["a symbolic link", () => Deno.symlink(directory.at("nowhere"), path)],
    ["a directory", () => Deno.mkdir(path)],
    ["a special file", () => new Deno.Command("mkfifo", { args: [path] }).output()],
  ];
  for (const [what, make] of obstacles) {
    await make();
    await assertUnfit(() => openUntrustedFile(path, 3), `found ${what}, a regular file wanted`);
    await Deno.remove(path);
  }
  await assertUnfit(() => openUntrustedFile(path, 3), "found nothing, a regular file wanted");
});

Deno.test("openUntrustedFile() refuses a file with another name", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.writeTextFile(directory.at("secret"), "abc");
  await Deno.link(directory.at("secret"), directory.at("left"));
  await assertUnfit(
    () => openUntrustedFile(directory.at("left"), 3),
    "found a file with 2 hard links, one with 1 wanted",
  );
});

Deno.test("openUntrustedFile() refuses a file of another size", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.writeTextFile(directory.at("left"), "abc");
  await assertUnfit(() => openUntrustedFile(directory.at("left"), 2), "found 3 bytes, the announced 2 wanted");
  await assertUnfit(() => openUntrustedFile(directory.at("left"), 4), "found 3 bytes, the announced 4 wanted");
});

Deno.test("openSeenFile() refuses what took the file's place", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  const path = directory.at("left");
  await Deno.writeTextFile(path, "abc");
  await Deno.writeTextFile(directory.at("other"), "xyz");
  const seen = await Deno.lstat(path);

  await Deno.rename(directory.at("other"), path);
  await assertUnfit(
    () => openSeenFile(path, seen),
    "found it replaced by another file, the one that was announced wanted",
  );
  await Deno.remove(path);
  await assertUnfit(
    () => openSeenFile(path, seen),
    "found a file that cannot be opened (ENOENT), a readable one wanted",
  );
  await Deno.symlink("/etc/passwd", path);
  await assertUnfit(
    () => openSeenFile(path, seen),
    "found a file that cannot be opened (ELOOP), a readable one wanted",
  );
});

Deno.test("openSeenFile() leaves no file open when it refuses", {
  ...LEAK_FREE,
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using directory = await TempDirectory.make();
  for (const name of ["seen", "other"]) await Deno.writeTextFile(directory.at(name), "abc");
  const seen = await Deno.lstat(directory.at("seen"));
  const before = (await namesIn("/proc/self/fd")).length;
  for (let round = 0; round < 20; round++) {
    await assertRejects(() => openSeenFile(directory.at("other"), seen), UnfitFileError);
  }
  assert((await namesIn("/proc/self/fd")).length < before + 10);
});

Deno.test("openSeenFile() does not wait for a fifo that took the file's place", LEAK_FREE, async () => {
  await using directory = await TempDirectory.make();
  await Deno.writeTextFile(directory.at("file"), "abc");
  const seen = await Deno.lstat(directory.at("file"));
  await new Deno.Command("mkfifo", { args: [directory.at("fifo")] }).output();
  await assertUnfit(
    () => openSeenFile(directory.at("fifo"), seen),
    "found it replaced by another file, the one that was announced wanted",
  );
});

Deno.test("openUntrustedFile() blames the worker for a file that it closed to everybody", {
  ...LEAK_FREE,
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
}, async () => {
  await using directory = await TempDirectory.make();
  await Deno.writeTextFile(directory.at("left"), "abc", { mode: 0o000 });
  await assertUnfit(
    () => openUntrustedFile(directory.at("left"), 3),
    "found a file that cannot be opened (EACCES), a readable one wanted",
  );
});
