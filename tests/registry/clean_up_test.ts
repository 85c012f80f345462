import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { join } from "@std/path";
import { cleanUp } from "../../src/registry/clean_up.ts";
import { artifactName } from "../../src/registry/names.ts";
import { confined, LEAK_FREE, namesIn, outputOf, TempDirectory } from "./fixtures.ts";

Deno.test("cleanUp() deletes what is ours and keeps what only looks like it", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const artifact = artifactName((length) => crypto.getRandomValues(new Uint8Array(length)));
  await Deno.writeTextFile(cache.at(artifact), "");
  await Deno.writeTextFile(cache.at("wasmtime_0.0.1_c0de_0x00"), "");
  await Deno.mkdir(cache.at("worker-dir-prepare-test"));
  await Deno.writeTextFile(cache.at("abcd.pvfartifact"), "");
  await Deno.writeTextFile(cache.at("polkadot_0.0.1_c0de_0x00"), "");
  await Deno.mkdir(cache.at("worker-prepare-test"));

  const report = await cleanUp(cache.path);
  assertEquals(report.removed, [artifact, "wasmtime_0.0.1_c0de_0x00", "worker-dir-prepare-test"]);
  assertEquals(report.failures, []);
  assertEquals(await namesIn(cache.path), ["abcd.pvfartifact", "polkadot_0.0.1_c0de_0x00", "worker-prepare-test"]);
});

Deno.test("cleanUp() deletes what a worker put in the place of its directory", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  const left = `worker-dir-execute-${"0a".repeat(16)}`;
  await Deno.writeTextFile(cache.at(left), "");
  await Deno.writeTextFile(cache.at("worker-dir-execute-mine"), "");
  assertEquals((await cleanUp(cache.path)).removed, [left]);
  assertEquals(await namesIn(cache.path), ["worker-dir-execute-mine"]);
});

Deno.test("cleanUp() keeps a home directory as it is", LEAK_FREE, async () => {
  await using home = await TempDirectory.make();
  const kept = [".bashrc", ".pvf", "kiln.lock", "notes.PVF", "thesis.pvf.bak", "worker-dir-x"];
  for (const name of kept) await Deno.writeTextFile(home.at(name), "");
  await Deno.mkdir(home.at("x.pvf"));
  await Deno.writeTextFile(home.at("x.pvf", "inner.pvf"), "");
  await Deno.mkdir(home.at("documents", "worker-dir-x"), { recursive: true });
  await Deno.symlink(home.at("documents"), home.at("worker-dir-link"));
  await Deno.symlink(home.at(".bashrc"), home.at("wasmtime_link"));
  const before = await namesIn(home.path);

  assertEquals(await cleanUp(home.path), { removed: [], failures: [] });
  assertEquals(await namesIn(home.path), before);
  assertEquals(await namesIn(home.at("x.pvf")), ["inner.pvf"]);
  assertEquals(await namesIn(home.at("documents")), ["worker-dir-x"]);
});

Deno.test("cleanUp() deletes a link named .pvf and not what it leads to", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await Deno.writeTextFile(cache.at("precious"), "kept");
  await Deno.mkdir(cache.at("folder"));
  await Deno.symlink(cache.at("precious"), cache.at("file.pvf"));
  await Deno.symlink(cache.at("folder"), cache.at("folder.pvf"));
  await Deno.symlink(cache.at("nowhere"), cache.at("dangling.pvf"));

  assertEquals((await cleanUp(cache.path)).removed, ["dangling.pvf", "file.pvf", "folder.pvf"]);
  assertEquals(await namesIn(cache.path), ["folder", "precious"]);
  assertEquals(await Deno.readTextFile(cache.at("precious")), "kept");
});

Deno.test("cleanUp() leaves a fifo named .pvf alone", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await new Deno.Command("mkfifo", { args: [cache.at("fifo.pvf")] }).output();
  assertEquals(await cleanUp(cache.path), { removed: [], failures: [] });
  assertEquals(await namesIn(cache.path), ["fifo.pvf"]);
});

Deno.test("cleanUp() deletes directories with what is in them, and follows no link in there", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await Deno.mkdir(cache.at("kept", "inner"), { recursive: true });
  await Deno.writeTextFile(cache.at("kept", "inner", "file"), "");
  const program = `kiln-worker-program-${"0a".repeat(16)}`;
  for (const name of [program, "worker-dir-execute-1"]) {
    await Deno.mkdir(cache.at(name, "a", "b"), { recursive: true });
    await Deno.writeTextFile(cache.at(name, "a", "b", "file"), "");
    await Deno.symlink(cache.at("kept"), cache.at(name, "a", "link"));
  }
  assertEquals((await cleanUp(cache.path)).removed, [program, "worker-dir-execute-1"]);
  assertEquals(await namesIn(cache.path), ["kept"]);
  assertEquals(await namesIn(cache.at("kept", "inner")), ["file"]);
});

Deno.test("cleanUp() deletes what a crash left of publishing", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await Deno.writeTextFile(cache.at(`tmp-${"0a".repeat(16)}.pvf`), "half an artif");
  await cleanUp(cache.path);
  assertEquals(await namesIn(cache.path), []);
});

/** Runs `work` while a worker that is about to end makes its directory anew, as often as it is deleted, up to `times`. */
async function whileComingBack<T>(directory: string, times: number, work: () => Promise<T>): Promise<T> {
  const { remove } = Deno;
  let left = times;
  Deno.remove = async (path, options) => {
    await remove(path, options);
    if (path !== directory || left-- <= 0) return;
    await Deno.mkdir(directory);
    await Deno.writeTextFile(join(directory, "file"), "");
  };
  try {
    return await work();
  } finally {
    Deno.remove = remove;
  }
}

Deno.test("cleanUp() deletes what a worker that outlives its host makes anew", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await Deno.mkdir(cache.at("worker-dir-execute-1"));
  const report = await whileComingBack(cache.at("worker-dir-execute-1"), 3, () => cleanUp(cache.path));
  assertEquals(report, { removed: ["worker-dir-execute-1"], failures: [] });
  assertEquals(await namesIn(cache.path), []);
});

Deno.test("cleanUp() deletes what a worker that outlives its host kept from being deleted", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await Deno.mkdir(cache.at("worker-dir-execute-1"));
  const { remove } = Deno;
  let left = 3;
  Deno.remove = async (path, options) => {
    if (left-- > 0) throw new Error("Directory not empty");
    await remove(path, options);
  };
  const report = await cleanUp(cache.path).finally(() => Deno.remove = remove);
  assertEquals(report, { removed: ["worker-dir-execute-1"], failures: [] });
  assertEquals(await namesIn(cache.path), []);
});

Deno.test("cleanUp() comes to an end when something comes back for ever", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  await Deno.mkdir(cache.at("worker-dir-execute-1"));
  const report = await whileComingBack(cache.at("worker-dir-execute-1"), Infinity, () => cleanUp(cache.path));
  assertEquals(report, { removed: ["worker-dir-execute-1"], failures: [] });
  assertEquals(await namesIn(cache.path), ["worker-dir-execute-1"]);
});

Deno.test("cleanUp() reports what cannot be deleted, and deletes the rest", LEAK_FREE, async () => {
  await using cache = await TempDirectory.make();
  for (const name of ["a.pvf", "b.pvf", "stuck.pvf"]) await Deno.writeTextFile(cache.at(name), "");
  await Deno.mkdir(cache.at("worker-dir-stuck", "inner"), { recursive: true });
  const flags = [`--deny-write=${cache.at("stuck.pvf")}`, `--deny-write=${cache.at("worker-dir-stuck")}`];
  const output = await outputOf(confined({ script: "open_and_list.ts", cache: cache.path, cwd: cache.path, flags }));
  const { removed, failures } = JSON.parse(output);
  assertEquals(removed, ["a.pvf", "b.pvf"]);
  assertEquals(failures.map(({ name }: { name: string }) => name), ["stuck.pvf", "worker-dir-stuck"]);
  for (const { error } of failures) assert(error.includes("Requires write access"), error);
  assertEquals(await namesIn(cache.path), ["stuck.pvf", "worker-dir-stuck"]);
});

Deno.test("cleanUp() reports errors of the operating system", {
  ...LEAK_FREE,
  ignore: Deno.build.os !== "linux" || Deno.uid() === 0,
}, async () => {
  await using cache = await TempDirectory.make();
  await Deno.writeTextFile(cache.at("stuck.pvf"), "");
  await Deno.chmod(cache.path, 0o500);
  const { removed, failures } = await cleanUp(cache.path);
  await Deno.chmod(cache.path, 0o700);
  assertEquals(removed, []);
  assertEquals(failures.map(({ name }) => name), ["stuck.pvf"]);
  assertInstanceOf(failures[0]?.error, Deno.errors.PermissionDenied);
});
