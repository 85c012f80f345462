/**
 * Executions that try to change the artifact that they run, and artifacts that somebody else has changed. Scripts stand in for jobs that
 * control all JavaScript of their process.
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Pvf } from "../../src/pvf.ts";
import { BEGIN, begunDirectory } from "./begun.ts";
import { HOSTILE_ENGINE } from "./hostile_worker.ts";
import { artifactOf, assertRefused, attempting, type Attempts, checksum, executed } from "./poisoning.ts";
import { script } from "./script_engine.ts";
import { withHost } from "./with_host.ts";

/** Attempts of an execution to change its copy of the artifact. */
const NO_CHANGES: Attempts = {
  write: {
    "to write it": `Deno.writeFileSync("artifact", new Uint8Array(9))`,
    "to write it by node:fs": `node.writeFileSync("artifact", "x")`,
    "a handle to write": `Deno.openSync("artifact", { write: true })`,
    "a handle to read and write": `Deno.openSync("artifact", { read: true, write: true })`,
    "to write at its end": `node.appendFileSync("artifact", "x")`,
    "to truncate it": `Deno.truncateSync("artifact", 0)`,
    "to delete it": `Deno.removeSync("artifact")`,
    "to rename it": `Deno.renameSync("artifact", "other")`,
    "to give it a second name": `Deno.linkSync("artifact", "other")`,
    "to copy it": `Deno.copyFileSync("artifact", "other")`,
    "to change its mode": `Deno.chmodSync("artifact", 0)`,
    "to change its times": `Deno.utimeSync("artifact", 1, 1)`,
    "to delete its directory": `Deno.removeSync(Deno.cwd(), { recursive: true })`,
  },
  link: { "to link to it": `Deno.symlinkSync("artifact", "other")` },
  handle: {
    "to write by a handle to read": `Deno.openSync("artifact").writeSync(new Uint8Array(9))`,
    "to write by a handle of node:fs": `node.writeSync(node.openSync("artifact", "r"), "x")`,
    "to truncate by a handle to read": `Deno.openSync("artifact").truncateSync(0)`,
    "to truncate by a handle of node:fs": `node.ftruncateSync(node.openSync("artifact", "r"), 0)`,
  },
};

/** No permission keeps whoever can read a file from these: its copy must not be the artifact. */
const CHANGE_WHAT_IS_NOT_CONTENT = `
  const handle = node.openSync("artifact", "r");
  node.futimesSync(handle, 1, 1);
  node.fchmodSync(handle, 0);
  Deno.openSync("artifact").lockSync(true);`;

/** Everything about a file that whoever runs it could come to rely on. */
async function describe(path: string): Promise<unknown> {
  const { mode, mtime, uid, gid, ino, nlink } = await Deno.lstat(path);
  return { mode, mtime, uid, gid, ino, nlink, checksum: await checksum(path) };
}

Deno.test("an execution cannot write its copy of the artifact, and what it can do to that does not touch the artifact", async () => {
  const code = `{
    load() {
      ${attempting(NO_CHANGES)}
      ${CHANGE_WHAT_IS_NOT_CONTENT}
      globalThis.said = JSON.stringify(said);
    },
    run: () => said,
  }`;
  await withHost({ engineSource: HOSTILE_ENGINE, maxExecuteWorkers: 2, maxJobsPerWorker: 2 }, async (host) => {
    await host.precheck(await Pvf.fromCode(script(code)));
    const path = await artifactOf(host, code);
    const before = await describe(path);
    for (let round = 0; round < 3; round++) {
      for (const said of await Promise.all([executed(host, code), executed(host, code)])) {
        assertRefused(NO_CHANGES, JSON.parse(said));
      }
    }
    assertEquals(await artifactOf(host, code), path);
    assertEquals(await describe(path), before);
  });
});

Deno.test("a copy of an artifact that somebody writes to is nobody else's", async () => {
  const code = `{
    load() {
      ${BEGIN}
      for (;;) try { Deno.statSync("acted"); break; } catch { sleep(1); }
    },
    run: () => "honest",
  }`;
  await withHost({ engineSource: HOSTILE_ENGINE, maxJobsPerWorker: 1 }, async (host, cachePath) => {
    await host.precheck(await Pvf.fromCode(script(code)));
    const path = await artifactOf(host, code);
    const before = await describe(path);
    for (let round = 0; round < 2; round++) {
      const running = executed(host, code);
      const directory = await begunDirectory(cachePath);
      await Deno.writeFile(`${directory}/artifact`, new Uint8Array(9), { create: false });
      await Deno.writeTextFile(`${directory}/acted`, "");
      assertEquals(await running, "honest");
      assertEquals(await describe(path), before);
    }
    assertEquals(await artifactOf(host, code), path);
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
