/**
 * Workers that try to change what others are given: an artifact on disk, the artifact of another code, a verdict. Scripts stand in for
 * jobs that control all JavaScript of their process. What no worker is let do, a test does in its place: the host trusts in neither.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Pvf } from "../../src/pvf.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { PREPARE_RESPONSE } from "../../src/protocol/messages.ts";
import { HOSTILE_ENGINE, lyingWhenPrepared } from "./hostile_worker.ts";
import { assertRefused, attempting, type Attempts, executed } from "./poisoning.ts";
import { act, LET_THE_TEST_ACT, prepare, untilGone, untilThere } from "./poisoned_preparation.ts";
import { script } from "./script_engine.ts";
import { withHost } from "./with_host.ts";

/** What a preparation that must not succeed is called: the one place that has to change with the names. */
const CALLED = {
  unfit: "rename-tmp-file",
  malformed: "malformed-answer",
  uncleared: "clear-worker-dir",
  overfull: "directory-limit",
} as const;

/** Attempts of a preparation to put something that is no file of its own where its artifact should be, or to get at what is there. */
const NO_FILES: Attempts = {
  link: {
    "a symbolic link to a file outside": `Deno.symlinkSync(outside, "tmp-artifact")`,
    "a symbolic link by node:fs": `node.symlinkSync(outside, "tmp-artifact")`,
    "a symbolic link with a relative target": `Deno.symlinkSync("../" + outside.split("/").pop(), "tmp-artifact")`,
    "a symbolic link within its directory": `Deno.symlinkSync("other", "tmp-artifact")`,
    "a dangling symbolic link": `Deno.symlinkSync("/nowhere", "tmp-artifact")`,
  },
  file: {
    "a hard link to a file outside": `Deno.linkSync(outside, "tmp-artifact")`,
    "a hard link by node:fs": `node.linkSync(outside, "tmp-artifact")`,
    "a file from outside": `Deno.renameSync(outside, "tmp-artifact")`,
    "a copy of a file outside": `Deno.copyFileSync(outside, "tmp-artifact")`,
    "a second name outside for its artifact": `Deno.linkSync("tmp-artifact", outside + "-link")`,
    "its artifact outside": `Deno.copyFileSync("tmp-artifact", outside + "-copy")`,
  },
  read: {
    "a second name within its directory": `Deno.linkSync("tmp-artifact", "other")`,
    "a second name by node:fs": `node.linkSync("tmp-artifact", "other")`,
    "another name": `Deno.renameSync("tmp-artifact", "other")`,
    "another file of its own": `Deno.writeTextFileSync("other", ""); Deno.renameSync("other", "tmp-artifact")`,
    "another file by node:fs": `Deno.writeTextFileSync("other", ""); node.renameSync("other", "tmp-artifact")`,
    "a copy within its directory": `Deno.copyFileSync("tmp-artifact", "other")`,
    "what is there": `Deno.readFileSync("tmp-artifact")`,
    "a handle to read and write it": `Deno.openSync("tmp-artifact", { read: true, write: true })`,
    "a handle by node:fs": `node.openSync("tmp-artifact", "a+")`,
  },
  run: { "a fifo": `new Deno.Command("/usr/bin/mkfifo", { args: ["tmp-artifact"] }).outputSync()` },
  child: {
    "a fifo by node:child_process":
      `process.getBuiltinModule("node:child_process").execFileSync("/usr/bin/mkfifo", ["tmp-artifact"])`,
  },
};

Deno.test("a preparation cannot make links, fifos or files of others its artifact, nor rename or read it", async () => {
  await withHost({ engineSource: HOSTILE_ENGINE }, async (host, cachePath) => {
    const outside = `${cachePath}/outside`;
    await Deno.writeTextFile(outside, "secret");
    const code = `{
      prepare() {
        ${attempting(NO_FILES, outside)}
        const text = JSON.stringify(JSON.stringify(said));
        return new TextEncoder().encode("{ run: () => " + text + " }");
      },
    }`;
    assertRefused(NO_FILES, JSON.parse(await executed(host, code)));
    assertEquals(await Deno.readTextFile(outside), "secret");
    await Deno.remove(outside);
  });
});

async function mkfifo(path: string): Promise<void> {
  assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
}

/** The worker announces what it was to write where the test has put something else. */
const UNWRITTEN = `{ prepare() { Deno.writeFileSync = () => { ${LET_THE_TEST_ACT} }; } }`;

Deno.test("a link, a fifo, a directory or nothing where an artifact should be is not followed, opened or waited for", async () => {
  const outside = await Deno.makeTempFile({ prefix: "kiln-test-" });
  await Deno.writeTextFile(outside, "secret");
  const obstacles: [what: string, make: (path: string) => Promise<unknown>][] = [
    ["a symbolic link", (path) => Deno.symlink(outside, path)],
    ["a symbolic link", (path) => Deno.symlink("/dev/zero", path)],
    ["a file with 2 hard links", (path) => Deno.link(outside, path)],
    ["a special file", mkfifo],
    ["a directory", (path) => Deno.mkdir(path)],
    ["nothing", () => Promise.resolve()],
  ];
  for (const [what, make] of obstacles) {
    const outcome = await prepare(UNWRITTEN, (directory) =>
      act(directory, async (artifact) => {
        await Deno.remove(artifact);
        await make(artifact);
      }));
    assert(outcome.kind === CALLED.unfit, JSON.stringify(outcome));
    assertStringIncludes(outcome.message, `found ${what}, `);
  }
  assertEquals(await Deno.readTextFile(outside), "secret");
  await Deno.remove(outside);
});

/** A preparation of a large artifact, which runs statements once that is written. `write` writes, `bytes` are what was written. */
function preparingMuch(statements: string): string {
  return `{
    prepare({ code }) {
      const write = Deno.writeFileSync;
      Deno.writeFileSync = (path, bytes, options) => {
        write(path, bytes, options);
        ${statements}
      };
      const artifact = new Uint8Array(2 ** 21).fill(32);
      artifact.set(code);
      return artifact;
    }
  }`;
}

/** Tries several times, as not each comes at the same time, a preparation that may come to nothing and must not do harm. */
async function assertHarmless(...preparation: Parameters<typeof prepare>): Promise<void> {
  const fair: string[] = [CALLED.unfit, CALLED.uncleared, CALLED.overfull];
  for (let round = 0; round < 2; round++) {
    const outcome = await prepare(...preparation);
    const published = outcome.kind === "concluded" && "path" in outcome.result;
    assert(published || fair.includes(outcome.kind), JSON.stringify(outcome));
  }
}

/** What a thread does over and over to the file that the host takes over, from before the answer on, until its process ends. */
const MEDDLING: Record<string, string> = {
  "writes into it by a handle that was kept":
    `kept.seekSync(Math.random() * size, 0); kept.writeSync(evil.subarray(0, 100));`,
  "truncates and grows it by a handle that was kept":
    `kept.truncateSync(Math.random() * size); kept.truncateSync(size);`,
  "truncates and grows it by its name":
    `Deno.truncateSync(file, Math.random() * size); Deno.truncateSync(file, size); write(file, good);`,
  "lets it grow": `node.appendFileSync(file, evil);`,
  "writes another one over it": `write(file, evil); write(file, good);`,
  "deletes it and makes it anew": `Deno.removeSync(file); write(file, evil); Deno.removeSync(file); write(file, good);`,
  "puts a directory in its place":
    `Deno.removeSync(file); Deno.mkdirSync(file); Deno.removeSync(file); write(file, good);`,
  "changes its mode": `Deno.chmodSync(file, 0); Deno.chmodSync(file, 0o777);`,
  "deletes its directory and makes it again":
    `Deno.removeSync(cwd, { recursive: true }); Deno.mkdirSync(cwd); write(file, good);`,
  "puts a file in the place of its directory":
    `Deno.removeSync(cwd, { recursive: true }); write(cwd, good); Deno.removeSync(cwd); Deno.mkdirSync(cwd); write(file, good);`,
};

/** A preparation that leaves a thread behind, which has meddled once before the preparation goes on: otherwise that fails. */
function leaving(meddling: string): string {
  const thread = `
    const [good, cwd, state] = (await new Promise((resolve) => { onmessage = resolve; })).data;
    const node = process.getBuiltinModule("node:fs");
    const write = Deno.writeFileSync;
    const file = cwd + "/tmp-artifact";
    const kept = Deno.openSync(file, { write: true });
    const evil = good.map((byte) => byte ^ 1);
    const size = good.length;
    const meddle = () => { ${meddling} };
    const tell = (value) => { Atomics.store(state, 0, value); Atomics.notify(state, 0); };
    try { meddle(); write(file, good); tell(1); } catch { tell(2); }
    for (;;) try { meddle(); } catch { /* Next time, perhaps. */ }`;
  return preparingMuch(`
    const state = new Int32Array(new SharedArrayBuffer(4));
    meanwhile(${JSON.stringify(thread)}).postMessage([bytes, Deno.cwd(), state]);
    Atomics.wait(state, 0, 0);
    if (state[0] !== 1) throw new Error("The thread could not meddle");`);
}

for (const [what, meddling] of Object.entries(MEDDLING)) {
  Deno.test(`a thread that is left behind by a preparation, and ${what}, changes nothing that is published`, async () => {
    await assertHarmless(leaving(meddling));
  });
}

/** A file that the host takes over, another name beside it, what the file held first, and something else. */
interface Meddled {
  readonly file: string;
  readonly other: string;
  readonly good: Uint8Array;
  readonly evil: Uint8Array;
}

function swapping(make: (path: string) => Promise<unknown>): (meddled: Meddled) => Promise<void> {
  return async ({ file, other }) => {
    await Deno.rename(file, other);
    await make(file);
    await Deno.remove(file);
    await Deno.rename(other, file);
  };
}

/** The same, where no worker could do it. */
const MEDDLING_OF_OTHERS: Record<string, (meddled: Meddled) => Promise<void>> = {
  "renames another one over it": async ({ file, other, good, evil }) => {
    for (const bytes of [evil, good]) {
      await Deno.writeFile(other, bytes);
      await Deno.rename(other, file);
    }
  },
  "gives it a second name and writes by that": async ({ file, other, good, evil }) => {
    await Deno.link(file, other);
    for (const bytes of [evil, good]) await Deno.writeFile(other, bytes);
    await Deno.remove(other);
  },
  "gives it a second name and takes it away": async ({ file, other }) => {
    await Deno.link(file, other);
    await Deno.remove(other);
  },
  "swaps it with a directory": swapping((path) => Deno.mkdir(path)),
  "swaps it with a symbolic link": swapping((path) => Deno.symlink("/dev/zero", path)),
  "swaps it with a fifo": swapping(mkfifo),
};

/** Meddles with a preparation's file until its worker has ended. The first time, it must be possible. */
async function meddleIn(
  directory: string,
  ended: Promise<unknown>,
  meddle: (meddled: Meddled) => Promise<void>,
): Promise<void> {
  let hasEnded = false;
  ended.then(() => hasEnded = true);
  let meddling: Promise<void> | undefined;
  await act(directory, async (file) => {
    const good = await Deno.readFile(file);
    const meddled = { file, other: `${directory}/other`, good, evil: good.map((byte) => byte ^ 1) };
    await meddle(meddled);
    meddling = (async () => {
      while (!hasEnded) await meddle(meddled).catch(() => {});
    })();
  });
  await meddling;
}

for (const [what, meddle] of Object.entries(MEDDLING_OF_OTHERS)) {
  Deno.test(`somebody who meddles with a preparation, and ${what}, changes nothing that is published`, async () => {
    await assertHarmless(preparingMuch(LET_THE_TEST_ACT), (directory, ended) => meddleIn(directory, ended, meddle));
  });
}

/** Statements that set the announced size and checksum to something else than what was written, and what comes of it. */
const ANNOUNCED: Record<string, [statements: string, end: "unfit" | "malformed"]> = {
  "a size of 0": ["size(0n);", "unfit"],
  "a byte too few": ["size(found - 1n);", "unfit"],
  "a byte too many": ["size(found + 1n);", "unfit"],
  "a size over every limit": ["size(2n ** 40n);", "unfit"],
  "a size of 2^53 - 1": ["size(2n ** 53n - 1n);", "unfit"],
  "a size of 2^53": ["size(2n ** 53n);", "malformed"],
  "a size of 2^64 - 1": ["size(2n ** 64n - 1n);", "malformed"],
  "the bits of NaN as a size": ["view.setFloat64(58, NaN, true);", "malformed"],
  "the bits of -1.5 as a size": ["view.setFloat64(58, -1.5, true);", "malformed"],
  "a checksum of zeros": ["honest.fill(0, 26, 58);", "unfit"],
  "a checksum with one bit changed": ["honest[57] ^= 1;", "unfit"],
};

Deno.test("a size or a checksum that lies publishes nothing", async () => {
  // Where the statements find the fields.
  const result = {
    kind: "prepared",
    checksum: new Uint8Array(32).fill(7),
    artifactBytes: 9,
    decompressedBytes: 0,
  } as const;
  const answer = encodeFrame(PREPARE_RESPONSE, { requestId: 0, cpuTimeUs: 0, maxRssKib: 0, result });
  assertEquals([answer[26], answer[57], answer[58]], [7, 7, 9]);
  for (const [what, [statements, end]] of Object.entries(ANNOUNCED)) {
    const outcome = await prepare(lyingWhenPrepared(`
      const view = new DataView(honest.buffer);
      const found = view.getBigUint64(58, true);
      const size = (bytes) => view.setBigUint64(58, bytes, true);
      ${statements}
      say(honest);
      return "go on";`));
    assertEquals(outcome.kind, CALLED[end], `${what}: ${JSON.stringify(outcome)}`);
  }
});

/** A thread that lets its own job's artifact be published, and spoils the one after. */
const OVERWRITING = `Deno.writeTextFileSync("ready", "");
${untilGone(`"ready"`)}
${untilGone(`"tmp-artifact"`)}
for (;;) try { Deno.writeFileSync("tmp-artifact", new Uint8Array(9), { create: false }); } catch { /* Not yet. */ }`;

/** What a job that prepares code does to its process, so that whatever is prepared there later is something else. */
const HIJACKS: Record<string, string> = {
  "makes the engine prepare something else": `
    const evil = new TextEncoder().encode("{ run: () => 'poison' }");
    globalThis.Function = function () { return () => ({ prepare: () => evil }); };`,
  "makes the engine refuse everything": `
    globalThis.Function = function () { throw new PrepareFailure("prevalidation", "poison"); };`,
  "changes what is written": `
    const digest = crypto.subtle.digest;
    const turn = (bytes) => {
      const at = new TextDecoder("latin1").decode(bytes).indexOf("honest");
      if (at >= 0) bytes.set(new TextEncoder().encode("poison"), at);
      return bytes;
    };
    Object.defineProperty(crypto.subtle, "digest", { value: (name, bytes) => digest.call(crypto.subtle, name, turn(bytes)) });`,
  "writes over the next artifact from a thread": `
    meanwhile(${JSON.stringify(OVERWRITING)});
    ${untilThere(`"ready"`)}`,
};

for (const [what, hijack] of Object.entries(HIJACKS)) {
  Deno.test(`a preparation that ${what} does not touch the next code's artifact or verdict`, async () => {
    const one = { maxPrepareWorkers: 1, softPrepareWorkers: 1 };
    await withHost({ engineSource: HOSTILE_ENGINE, ...one }, async (host) => {
      const hijacked = await host.precheck(await Pvf.fromCode(script(`{ prepare() { ${hijack} } }`)));
      assertEquals(hijacked.kind, "prepared");
      // It takes its time, which gives a thread the time to find its file.
      assertEquals(await executed(host, "{ prepare() { sleep(100); }, run: () => 'honest' }"), "honest");
    });
  });
}
