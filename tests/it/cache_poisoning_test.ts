/**
 * Workers that try to change what others are given: an artifact on disk, the artifact of another code, a verdict. Scripts stand in for
 * jobs that control all JavaScript of their process.
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { basename } from "@std/path";
import type { ValidationHost } from "../../src/host.ts";
import { Pvf } from "../../src/pvf.ts";
import { encodeFrame } from "../../src/protocol/frame.ts";
import { PREPARE_RESPONSE } from "../../src/protocol/messages.ts";
import { type PrepareJobOutcome, runPrepareJob } from "../../src/worker_process/prepare_job.ts";
import { HOSTILE_ENGINE, lyingWhenPrepared } from "./hostile_worker.ts";
import { fileExists, Lab, NEVER, prepareJob } from "./lab.ts";
import { processesWith } from "./processes.ts";
import { script } from "./script_engine.ts";
import { withHost } from "./with_host.ts";

const NO_PARAMS = new Uint8Array();

/** What a preparation that must not succeed is called: the one place that has to change with the names. */
const CALLED = { unfit: "rename-tmp-file", malformed: "malformed-answer", uncleared: "clear-worker-dir" } as const;

async function checksum(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}

/** Prepares honest code, and checks that its artifact is what it was announced as. */
async function assertPrepares(lab: Lab): Promise<void> {
  const outcome = await runPrepareJob(await lab.spawn("prepare-worker"), prepareJob("{}"), lab.registry, NEVER);
  assert(outcome.kind === "concluded" && "path" in outcome.result, JSON.stringify(outcome));
  if (outcome.worker) await outcome.worker.retire();
  assertEquals(await checksum(outcome.result.path), outcome.result.checksum.toHex());
}

/**
 * Runs one preparation; `meanwhile` is given the worker's directory. Whatever comes of it, what is published is what was announced, from
 * its publication on to the end of the worker; nothing else is left; and honest code can be prepared.
 */
async function prepare(code: string, meanwhile?: (directory: string) => Promise<void>): Promise<PrepareJobOutcome> {
  await using lab = await Lab.open({ engineSource: HOSTILE_ENGINE });
  const idle = await lab.spawn("prepare-worker");
  const [directory = ""] = lab.workerDirectories();
  const job = runPrepareJob(idle, prepareJob(code), lab.registry, NEVER);
  await meanwhile?.(directory);
  const outcome = await job;
  const published = outcome.kind === "concluded" && "path" in outcome.result ? [outcome.result] : [];
  for (const { path, checksum: announced } of published) assertEquals(await checksum(path), announced.toHex());
  if ("worker" in outcome) await outcome.worker?.retire();
  for (const { path, checksum: announced } of published) assertEquals(await checksum(path), announced.toHex());
  const artifacts = Array.from(Deno.readDirSync(lab.cachePath), ({ name }) => name).filter((name) => /pvf$/.test(name));
  assertEquals(artifacts, published.map(({ path }) => basename(path)));
  assertEquals(lab.workerDirectories(), []);
  assertEquals(processesWith(lab.cachePath), []);
  await assertPrepares(lab);
  return outcome;
}

/** What a script does to say that it has begun, and to wait until the test has done something. */
const LET_THE_TEST_ACT = `Deno.writeTextFileSync("begun", ""); while (!acted()) sleep(5);
function acted() { try { return !Deno.statSync("begun").isFile; } catch { return true; } }`;

/** Lets the test put something in the place of the file that a worker was to write; the worker then announces what it was to write. */
function preparing(replace: (path: string) => Promise<unknown>): Promise<PrepareJobOutcome> {
  return prepare(`{ prepare() { Deno.writeFileSync = () => { ${LET_THE_TEST_ACT} }; } }`, async (directory) => {
    await fileExists(`${directory}/begun`);
    await Deno.remove(`${directory}/tmp-artifact`);
    await replace(`${directory}/tmp-artifact`);
    await Deno.remove(`${directory}/begun`);
  });
}

/** Attempts of a worker to put something that is no plain file where its artifact should be. `t.outside` is a file of somebody else. */
const NO_FILES: Record<string, string> = {
  "a symbolic link to a file outside": `Deno.symlinkSync(outside, "tmp-artifact")`,
  "a symbolic link by node:fs": `node.symlinkSync(outside, "tmp-artifact")`,
  "a symbolic link with a relative target": `Deno.symlinkSync("../" + outside.split("/").pop(), "tmp-artifact")`,
  "a symbolic link within its directory": `Deno.symlinkSync("other", "tmp-artifact")`,
  "a dangling symbolic link": `Deno.symlinkSync("/nowhere", "tmp-artifact")`,
  "a hard link to a file outside": `Deno.linkSync(outside, "tmp-artifact")`,
  "a hard link by node:fs": `node.linkSync(outside, "tmp-artifact")`,
  "a file from outside": `Deno.renameSync(outside, "tmp-artifact")`,
  "a copy of a file outside": `Deno.copyFileSync(outside, "tmp-artifact")`,
  "a fifo": `new Deno.Command("/usr/bin/mkfifo", { args: ["tmp-artifact"] }).outputSync()`,
  "a fifo by node:child_process":
    `process.getBuiltinModule("node:child_process").execFileSync("/usr/bin/mkfifo", ["tmp-artifact"])`,
  "a second name outside for its artifact": `Deno.linkSync("tmp-artifact", outside + "-link")`,
  "its artifact outside": `Deno.copyFileSync("tmp-artifact", outside + "-copy")`,
};

Deno.test("a worker cannot make links, fifos or files of others its artifact", async () => {
  await withHost({ engineSource: HOSTILE_ENGINE }, async (host, cachePath) => {
    const outside = `${cachePath}/outside`;
    await Deno.writeTextFile(outside, "secret");
    const pvf = await Pvf.fromCode(script(`{
      prepare() {
        const outside = ${JSON.stringify(outside)};
        const node = process.getBuiltinModule("node:fs");
        const refusals = {};
        for (const [what, attempt] of Object.entries(${JSON.stringify(NO_FILES)})) {
          try {
            new Function("outside", "node", attempt)(outside, node);
            refusals[what] = "done";
          } catch (error) {
            refusals[what] = /^Requires |NotCapable/.test(error.message + error.name) ? "refused" : String(error);
          }
        }
        const text = JSON.stringify(JSON.stringify(refusals));
        return new TextEncoder().encode("{ run: () => " + text + " }");
      },
    }`));
    const outcome = await host.execute(pvf, { params: NO_PARAMS });
    assert(outcome.kind === "valid", JSON.stringify(outcome));
    const refused = Object.keys(NO_FILES).map((what) => [what, "refused"]);
    assertEquals(JSON.parse(new TextDecoder().decode(outcome.result)), Object.fromEntries(refused));
    assertEquals(await Deno.readTextFile(outside), "secret");
    await Deno.remove(outside);
  });
});

Deno.test("a link, a fifo, a directory or nothing where an artifact should be is not followed, opened or waited for", async () => {
  const outside = await Deno.makeTempFile({ prefix: "kiln-test-" });
  await Deno.writeTextFile(outside, "secret");
  const run = (command: string, ...args: string[]): Promise<unknown> => new Deno.Command(command, { args }).output();
  const obstacles: [what: string, make: (path: string) => Promise<unknown>][] = [
    ["a symbolic link", (path) => Deno.symlink(outside, path)],
    ["a symbolic link", (path) => Deno.symlink("/dev/zero", path)],
    ["a file with 2 hard links", (path) => Deno.link(outside, path)],
    ["a special file", (path) => run("mkfifo", path)],
    ["a directory", (path) => Deno.mkdir(path)],
    ["nothing", () => Promise.resolve()],
  ];
  for (const [what, make] of obstacles) {
    const outcome = await preparing(make);
    assert(outcome.kind === CALLED.unfit, JSON.stringify(outcome));
    assertStringIncludes(outcome.message, `found ${what}, `);
  }
  assertEquals(await Deno.readTextFile(outside), "secret");
  await Deno.remove(outside);
});

/** What a thread does to say that it is there, and the main one to wait for that. */
const READY = `Deno.writeTextFileSync("ready", "");
for (;;) try { Deno.statSync("ready"); sleep(1); } catch { break; }`;
const UNTIL_READY = `for (;;) try { Deno.removeSync("ready"); break; } catch { sleep(1); }`;

/** What a thread does over and over to the file that the host takes over, from before the answer on, until its process ends. */
const MEDDLING: Record<string, string> = {
  "writes into it by a handle that was kept":
    `kept.seekSync(Math.random() * size, 0); kept.writeSync(evil.subarray(0, 100));`,
  "truncates and grows it by a handle that was kept":
    `kept.truncateSync(Math.random() * size); kept.truncateSync(size);`,
  "lets it grow": `node.appendFileSync("tmp-artifact", evil);`,
  "writes another one over it": `Deno.writeFileSync("tmp-artifact", evil);`,
  "renames another one over it":
    `Deno.writeFileSync("other", evil); Deno.renameSync("other", "tmp-artifact"); Deno.writeFileSync("other", good); Deno.renameSync("other", "tmp-artifact");`,
  "gives it a second name and writes by that":
    `Deno.linkSync("tmp-artifact", "other"); node.appendFileSync("other", "x"); Deno.removeSync("other");`,
  "gives it a second name and takes it away": `Deno.linkSync("tmp-artifact", "other"); Deno.removeSync("other");`,
  "swaps it with a directory":
    `Deno.renameSync("tmp-artifact", "other"); Deno.mkdirSync("tmp-artifact"); Deno.removeSync("tmp-artifact"); Deno.renameSync("other", "tmp-artifact");`,
  "changes its mode": `Deno.chmodSync("tmp-artifact", 0); Deno.chmodSync("tmp-artifact", 0o777);`,
  "deletes its directory and makes it again":
    `Deno.removeSync(cwd, { recursive: true }); Deno.mkdirSync(cwd); Deno.writeFileSync(cwd + "/tmp-artifact", good);`,
  "puts a file in the place of its directory":
    `Deno.removeSync(cwd, { recursive: true }); Deno.writeFileSync(cwd, good); Deno.removeSync(cwd); Deno.mkdirSync(cwd); Deno.writeFileSync(cwd + "/tmp-artifact", good);`,
};

/** A preparation of a large artifact that leaves a thread behind. */
function leaving(meddling: string): string {
  const thread = `
    const node = process.getBuiltinModule("node:fs");
    const cwd = Deno.cwd();
    const kept = Deno.openSync("tmp-artifact", { write: true });
    const good = Deno.readFileSync("tmp-artifact");
    const evil = good.map((byte) => byte ^ 1);
    const size = good.length;
    ${READY}
    for (;;) try { ${meddling} } catch { /* Next time, perhaps. */ }`;
  return `{
    prepare({ code }) {
      const write = Deno.writeFileSync;
      Deno.writeFileSync = (path, bytes, options) => {
        write(path, bytes, options);
        meanwhile(${JSON.stringify(thread)});
        ${UNTIL_READY}
      };
      const artifact = new Uint8Array(2 ** 21).fill(32);
      artifact.set(code);
      return artifact;
    }
  }`;
}

for (const [what, meddling] of Object.entries(MEDDLING)) {
  Deno.test(`a thread that is left behind by a preparation, and ${what}, changes nothing that is published`, async () => {
    const fair: string[] = ["concluded", CALLED.unfit, CALLED.uncleared];
    for (let round = 0; round < 2; round++) {
      const outcome = await prepare(leaving(meddling));
      assert(fair.includes(outcome.kind), JSON.stringify(outcome));
    }
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

async function executed(host: ValidationHost, code: string): Promise<string> {
  const outcome = await host.execute(await Pvf.fromCode(script(code)), { params: NO_PARAMS });
  return outcome.kind === "valid" ? new TextDecoder().decode(outcome.result) : `${outcome.kind} ${outcome.reason}`;
}

async function artifactOf(host: ValidationHost, code: string): Promise<string> {
  const state = host.artifacts.get((await Pvf.fromCode(script(code))).artifactId);
  assert(state?.state === "prepared", JSON.stringify(state));
  return state.path;
}

/** A thread that lets its own job's artifact be published, and spoils the one after. */
const OVERWRITING = `${READY}
for (;;) try { Deno.statSync("tmp-artifact"); sleep(1); } catch { break; }
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
    ${UNTIL_READY}`,
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

Deno.test("an execute worker that writes over its copy of the artifact changes neither the artifact nor other workers", async () => {
  const code = `{
    load() {
      globalThis.found = [...Deno.readDirSync(".")].map(({ name }) => name).join();
      globalThis.kept = Deno.openSync("artifact", { read: true, write: true });
      kept.writeSync(new Uint8Array(1000));
    },
    run() {
      kept.truncateSync(0);
      try { Deno.writeFileSync("artifact", new Uint8Array(9)); } catch {}
      return found;
    },
  }`;
  await withHost({ engineSource: HOSTILE_ENGINE, maxExecuteWorkers: 2, maxJobsPerWorker: 2 }, async (host) => {
    assertEquals(await executed(host, code), "artifact");
    const path = await artifactOf(host, code);
    const before = await checksum(path);
    for (let round = 0; round < 3; round++) {
      assertEquals(await Promise.all([executed(host, code), executed(host, code)]), ["artifact", "artifact"]);
    }
    assertEquals(await artifactOf(host, code), path);
    assertEquals(await checksum(path), before);
  });
});

/** What somebody else does to an artifact on disk. */
const DAMAGES: Record<string, (path: string, other: string) => Promise<unknown>> = {
  "with a bit changed": async (path) =>
    await Deno.writeFile(path, (await Deno.readFile(path)).map((b, at) => at ? b : b ^ 1)),
  "cut short": (path) => Deno.truncate(path, 100),
  "emptied": (path) => Deno.truncate(path, 0),
  "with a byte more": (path) => Deno.writeFile(path, new Uint8Array(1), { append: true }),
  "that is another code's": (path, other) => Deno.copyFile(other, path),
};

for (const [what, damage] of Object.entries(DAMAGES)) {
  Deno.test(`an artifact ${what} is never run, is removed once, and is prepared anew`, async () => {
    const [code, other] = ["{ run: () => 'right' }", "{ run: () => 'other' }"] as const;
    await withHost({ engineSource: HOSTILE_ENGINE, maxExecuteWorkers: 4 }, async (host) => {
      for (const each of [code, other]) await host.precheck(await Pvf.fromCode(script(each)));
      const path = await artifactOf(host, code);
      await damage(path, await artifactOf(host, other));
      // Those that come after the first may meet the damaged artifact or the new one, which none of them may remove.
      const found = await Promise.all(Array.from({ length: 4 }, () => executed(host, code)));
      for (const each of found) assertMatch(each, /^(right|possibly-invalid corrupted-artifact)$/);
      assert(found.some((each) => each !== "right"), "somebody has met it");
      assertEquals([await executed(host, code), await executed(host, other)], ["right", "other"]);
      assertNotEquals(await artifactOf(host, code), path);
      const renewed = await artifactOf(host, code);
      assertEquals((await Deno.stat(renewed)).isFile, true);
    });
  });
}
