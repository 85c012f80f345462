import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename } from "@std/path";
import { publish, PublishError } from "../../src/registry/publish.ts";
import { announce, LEAK_FREE, namesIn, TempDirectory } from "./fixtures.ts";

const CONTENT = new TextEncoder().encode("an artifact");
const EMPTY = new Uint8Array();
const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));

/** A cache directory with a worker's directory in it, and what {@linkcode publish} takes. */
class Fixture implements AsyncDisposable {
  readonly cache: TempDirectory;
  readonly source: string;

  private constructor(cache: TempDirectory) {
    this.cache = cache;
    this.source = cache.at("worker-dir-1", "tmp-artifact");
  }

  static async make(content?: Uint8Array): Promise<Fixture> {
    const fixture = new Fixture(await TempDirectory.make());
    await Deno.mkdir(fixture.cache.at("worker-dir-1"));
    if (content !== undefined) await Deno.writeFile(fixture.source, content);
    return fixture;
  }

  options(announced: { sizeBytes: number; checksum: Uint8Array }) {
    return { directory: this.cache.path, source: this.source, announced, maxBytes: 64 * 1024 * 1024, randomBytes };
  }

  /** Publishing must fail, be blamed on `blame`, and leave nothing behind. */
  async assertFails(options: Parameters<typeof publish>[0], blame: "worker" | "host"): Promise<PublishError> {
    const before = await namesIn(this.cache.path);
    const error = await assertRejects(() => publish(options), PublishError);
    assertEquals(error.name, "PublishError");
    assertEquals(error.source, options.source);
    assertMatch(error.destination, /\/0x[0-9a-f]{128}\.pvf$/);
    assertEquals(error.blame, blame);
    assert(error.cause instanceof Error);
    assertEquals(error.message, `Cannot publish ${options.source}: ${error.cause.message}`);
    assertEquals(await namesIn(this.cache.path), before);
    return error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cache[Symbol.asyncDispose]();
  }
}

Deno.test("publish() copies the file under a random name, for its owner alone", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const { path, sizeBytes } = await publish(fixture.options(await announce(CONTENT)));
  assertMatch(basename(path), /^0x[0-9a-f]{128}\.pvf$/);
  assertEquals(sizeBytes, CONTENT.length);
  assertEquals(await Deno.readFile(path), CONTENT);
  assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  assertEquals(await namesIn(fixture.cache.path), [basename(path), "worker-dir-1"]);
  assertEquals(await Deno.readFile(fixture.source), CONTENT);
});

Deno.test("publish() gives each file a name of its own", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const options = fixture.options(await announce(CONTENT));
  const [one, other] = await Promise.all([publish(options), publish(options)]);
  assertNotEquals(one.path, other.path);
  assertEquals(await Deno.readFile(one.path), await Deno.readFile(other.path));
});

Deno.test("publish() copies files of any size", LEAK_FREE, async () => {
  for (const length of [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3_000_000]) {
    const content = new Uint8Array(length).map((_, index) => index * 7 + (index >> 8));
    await using fixture = await Fixture.make(content);
    const { path } = await publish(fixture.options(await announce(content)));
    assertEquals((await announce(await Deno.readFile(path))).checksum, (await announce(content)).checksum);
  }
});

Deno.test("publish() gives what no handle that the worker kept can change", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  using kept = await Deno.open(fixture.source, { write: true });
  const { path } = await publish(fixture.options(await announce(CONTENT)));
  await kept.write(new TextEncoder().encode("AN OTHER"));
  await kept.truncate(3);
  assertEquals(await Deno.readFile(path), CONTENT);
});

Deno.test("publish() refuses what is not a regular file with one name", LEAK_FREE, async () => {
  const announced = await announce(CONTENT);
  const obstacles: [what: string, make: (fixture: Fixture) => Promise<unknown>][] = [
    ["a symbolic link", ({ cache, source }) => Deno.symlink(cache.at("secret"), source)],
    ["a file with 2 hard links", ({ cache, source }) => Deno.link(cache.at("secret"), source)],
    ["a directory", ({ source }) => Deno.mkdir(source)],
    ["a special file", ({ source }) => new Deno.Command("mkfifo", { args: [source] }).output()],
    ["nothing", () => Promise.resolve()],
  ];
  for (const [what, make] of obstacles) {
    await using fixture = await Fixture.make();
    await Deno.writeFile(fixture.cache.at("secret"), CONTENT);
    await make(fixture);
    const error = await fixture.assertFails(fixture.options(announced), "worker");
    assertStringIncludes(error.message, `found ${what}, `);
  }
});

Deno.test("publish() refuses a file of another size than announced", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const { checksum } = await announce(CONTENT);
  for (const sizeBytes of [0, CONTENT.length - 1, CONTENT.length + 1, -1, NaN, 1.5, 2 ** 32]) {
    await fixture.assertFails(fixture.options({ sizeBytes, checksum }), "worker");
  }
});

Deno.test("publish() refuses a file above the limit, and takes one at it", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const options = fixture.options(await announce(CONTENT));
  const error = await fixture.assertFails({ ...options, maxBytes: CONTENT.length - 1 }, "worker");
  assertStringIncludes(error.message, "found 11 bytes announced, at most 10 wanted");
  await publish({ ...options, maxBytes: CONTENT.length });
});

Deno.test("publish() refuses a file with another checksum than announced", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const { sizeBytes, checksum } = await announce(CONTENT);
  const error = await fixture.assertFails(fixture.options({ sizeBytes, checksum: checksum.map((b) => ~b) }), "worker");
  assertStringIncludes(error.message, `found the checksum ${checksum.toHex()}, the announced `);
  await fixture.assertFails(fixture.options({ sizeBytes, checksum: checksum.subarray(0, 31) }), "worker");
  await fixture.assertFails(fixture.options({ sizeBytes, checksum: EMPTY }), "worker");
});

// The system's own files have sizes that do not tell how much can be read: just like a file that grows or shrinks
// meanwhile.
Deno.test(
  "publish() stops reading a file that grows",
  { ...LEAK_FREE, ignore: !await hasSize("/proc/version", 0) },
  async () => {
    await using fixture = await Fixture.make();
    const options = { ...fixture.options(await announce(EMPTY)), source: "/proc/version" };
    const write = Deno.FsFile.prototype.write;
    Deno.FsFile.prototype.write = () => Promise.reject(new Error("Written more than was announced"));
    const error = await fixture.assertFails(options, "worker").finally(() => Deno.FsFile.prototype.write = write);
    assertStringIncludes(error.message, "found more bytes than the announced 0, no more wanted");
  },
);

const SHORT = "/sys/kernel/mm/transparent_hugepage/enabled";
Deno.test("publish() refuses a file that shrinks", { ...LEAK_FREE, ignore: !await hasSize(SHORT, 4096) }, async () => {
  await using fixture = await Fixture.make();
  const options = { ...fixture.options({ sizeBytes: 4096, checksum: new Uint8Array(32) }), source: SHORT };
  const error = await fixture.assertFails(options, "worker");
  assertMatch(error.message, /found only \d+ bytes, the announced 4096 wanted$/);
});

async function hasSize(path: string, size: number): Promise<boolean> {
  try {
    return (await Deno.lstat(path)).size === size;
  } catch {
    return false;
  }
}

Deno.test("publish() never replaces a file that has the name", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  // Names repeat from the second file on; temporary names, which are shorter, do not.
  let counter = 0;
  const repeating = (length: number) => new Uint8Array(length).fill(length === 64 ? 1 : ++counter);
  const options = { ...fixture.options(await announce(CONTENT)), randomBytes: repeating };
  const { path } = await publish(options);
  await Deno.writeTextFile(path, "first");
  const error = await fixture.assertFails(options, "host");
  assertStringIncludes(error.message, "found the new name in use, a unique one wanted");
  assertEquals(await Deno.readTextFile(path), "first");
});

Deno.test("publish() leaves another one's temporary file alone", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  await Deno.writeTextFile(fixture.cache.at(`tmp-${"01".repeat(16)}.pvf`), "another one's");
  const options = {
    ...fixture.options(await announce(CONTENT)),
    randomBytes: (n: number) => new Uint8Array(n).fill(1),
  };
  const error = await fixture.assertFails(options, "host");
  assert(error.cause instanceof Deno.errors.AlreadyExists);
});

Deno.test("publish() leaves nothing behind when the disk fails", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const options = fixture.options(await announce(CONTENT));
  for (const method of ["write", "sync"] as const) {
    const original = Deno.FsFile.prototype[method];
    Object.assign(Deno.FsFile.prototype, { [method]: () => Promise.reject(new Error("No space left on device")) });
    try {
      const error = await fixture.assertFails(options, "host");
      assertStringIncludes(error.message, "No space left on device");
    } finally {
      Object.assign(Deno.FsFile.prototype, { [method]: original });
    }
  }
});

Deno.test("publish() rejects when the directory is gone", LEAK_FREE, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const options = { ...fixture.options(await announce(CONTENT)), directory: fixture.cache.at("absent") };
  await fixture.assertFails(options, "host");
});

Deno.test("publish() shows a reader the whole file or none", LEAK_FREE, async () => {
  const content = new Uint8Array(2_000_000).fill(7);
  await using fixture = await Fixture.make(content);
  const publishing = publish(fixture.options(await announce(content)));
  let isDone = false;
  publishing.finally(() => isDone = true);
  while (!isDone) {
    for (const name of await namesIn(fixture.cache.path)) {
      if (name.startsWith("0x")) assertEquals((await Deno.stat(fixture.cache.at(name))).size, content.length);
    }
  }
  await publishing;
});

/** How many files this process has open. The sanitizers do not see those of node:fs. */
async function countOpenFiles(): Promise<number> {
  return (await namesIn("/proc/self/fd")).length;
}

Deno.test("publish() leaves no file open", { ...LEAK_FREE, ignore: Deno.build.os !== "linux" }, async () => {
  await using fixture = await Fixture.make(CONTENT);
  const options = fixture.options(await announce(CONTENT));
  const unfit = fixture.options({ sizeBytes: CONTENT.length, checksum: new Uint8Array(32) });
  const before = await countOpenFiles();
  for (let round = 0; round < 20; round++) {
    await publish(options);
    await fixture.assertFails(unfit, "worker");
  }
  assert(await countOpenFiles() < before + 10);
});
