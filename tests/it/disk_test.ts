/** What a host does when its disk is full or may not be written, and that it goes on when that is over. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { exists } from "@std/fs";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import { ValidationHost } from "../../src/host.ts";
import type { HostOptions } from "../../src/options.ts";
import { Pvf } from "../../src/pvf.ts";
import { processesWith } from "./processes.ts";
import { script, SCRIPT_ENGINE } from "./script_engine.ts";
import { type Room, SmallDisk, whyNoDisk } from "./small_disk.ts";

const NO_PARAMS = new Uint8Array();
const COOLDOWN_MS = 60_000;
const FULL = "No space left on device";

/** The code of a PVF that says yes. Its artifact takes at least this much. */
function code(kib = 0): string {
  return `{ run() { return "yes"; /* ${"x".repeat(kib * 1024)} */ } }`;
}

function pvfOf(text: string): Promise<Pvf> {
  return Pvf.fromCode(script(text));
}

function startOn(disk: SmallDisk, options: Partial<HostOptions> = {}): Promise<ValidationHost> {
  return ValidationHost.start({
    cachePath: disk.cachePath,
    engineSource: SCRIPT_ENGINE,
    spawnTimeoutMs: 20_000,
    spawnRetryDelayMs: 1,
    spareExecuteWorkers: 0,
    prepareRetryCooldownMs: COOLDOWN_MS,
    ...options,
  });
}

function namesIn(disk: SmallDisk): string[] {
  return Array.from(Deno.readDirSync(disk.cachePath), ({ name }) => name);
}

/** The directory of the worker that has made this file. */
async function directoryWith(file: string, disk: SmallDisk): Promise<string> {
  for (let tries = 0; tries < 1_000; tries++, await delay(10)) {
    const workers = namesIn(disk).filter((name) => name.startsWith("worker-dir-"));
    const paths = workers.map((name) => `${disk.cachePath}/${name}`);
    for (const path of paths) if (await exists(`${path}/${file}`)) return path;
  }
  throw new Error(`No worker has made ${file}`);
}

/** A prepare worker is ended when its caller has been told already, and its directory then makes room. */
async function preparationsOver(disk: SmallDisk): Promise<void> {
  while (namesIn(disk).some((name) => name.startsWith("worker-dir-prepare-"))) await delay(5);
}

async function execute(host: ValidationHost, pvf: Pvf): Promise<ExecuteOutcome> {
  return await host.execute(pvf, { params: NO_PARAMS, timeoutMs: 20_000 });
}

async function assertYes(host: ValidationHost, pvf: Pvf): Promise<void> {
  const outcome = await execute(host, pvf);
  assertEquals(outcome.kind === "valid" && new TextDecoder().decode(outcome.result), "yes", JSON.stringify(outcome));
}

/** An outcome that says whose fault it is, in which step, and what was wrong. */
function assertInternal(outcome: ExecuteOutcome, reason: string, message: string): void {
  assert(outcome.kind === "internal", JSON.stringify(outcome));
  assertEquals(outcome.reason, reason, outcome.message);
  for (const part of message.split("...")) assertStringIncludes(outcome.message, part);
}

const unmountable = await whyNoDisk();

function diskTest(name: string, fn: (disk: SmallDisk) => Promise<void>): void {
  Deno.test({
    name: unmountable === undefined ? name : `${name} (ignored: ${unmountable})`,
    ignore: unmountable !== undefined,
    async fn() {
      await using disk = await SmallDisk.mount();
      await fn(disk);
      assertEquals(processesWith(disk.cachePath), []);
    },
  });
}

diskTest(
  "a host for which there is no room does not start, leaves nothing, and starts when there is room",
  async (disk) => {
    for (const room of [{ kib: 64 }, { files: 20 }, { files: 1 }, { files: 0 }]) {
      disk.fill(room);
      await assertRejects(() => startOn(disk), Error, FULL);
      assertEquals(namesIn(disk), [], JSON.stringify(room));
      disk.empty();
    }
    await using host = await startOn(disk);
    await assertYes(host, await pvfOf(code()));
  },
);

diskTest("a host starts where what a killed one left has taken all the room", async (disk) => {
  await Deno.writeTextFile(`${disk.cachePath}/kiln.lock`, "");
  await Deno.mkdir(`${disk.cachePath}/worker-dir-execute-left`);
  for (let number = 0; number < 100; number++) await Deno.writeTextFile(`${disk.cachePath}/${number}.pvf`, "");
  await Deno.writeFile(`${disk.cachePath}/worker-dir-execute-left/file`, new Uint8Array(2 * 2 ** 20));
  disk.fill({ kib: 0, files: 0 });
  await using host = await startOn(disk);
  assertEquals([host.artifacts.cleanUp.removed.length, host.artifacts.cleanUp.failures], [101, []]);
  disk.empty();
  await assertYes(host, await pvfOf(code()));
});

/** What can fail when an artifact is prepared, by how much room is left. */
const PREPARATIONS: { what: string; room: Room; kind: string; message: string; isTried: boolean }[] = [
  { what: "a worker's directory", room: { files: 0 }, kind: "spawn", message: "cannot be made...", isTried: false },
  {
    what: "the file to write to",
    room: { files: 1 },
    kind: "create-tmp-file",
    message: "/tmp-artifact",
    isTried: false,
  },
  {
    what: "what a worker makes",
    room: { kib: 4 },
    kind: "io-error",
    message: "Cannot write the artifact",
    isTried: true,
  },
  { what: "a copy of it", room: { kib: 280 }, kind: "rename-tmp-file", message: "Cannot publish", isTried: true },
  { what: "the copy's name", room: { files: 2 }, kind: "rename-tmp-file", message: "Cannot publish", isTried: true },
];

for (const { what, room, kind, message, isTried } of PREPARATIONS) {
  diskTest(`a preparation without room for ${what} ends in ${kind}, and is done when there is room`, async (disk) => {
    let nowMs = 0;
    await using host = await startOn(disk, { now: () => nowMs });
    const pvf = await pvfOf(code(200));
    disk.fill(room);
    const outcome = await execute(host, pvf);
    assertInternal(outcome, "preparation", `${kind}: ...${message}...${FULL}`);
    const precheck = await host.precheck(pvf);
    assert(precheck.kind === "failed");
    assertEquals(precheck.error.kind, kind);
    disk.empty();
    // What a worker has tried is not tried again at once: it may have been the code's fault.
    if (isTried) assertEquals(await execute(host, pvf), outcome);
    nowMs += COOLDOWN_MS;
    await assertYes(host, pvf);
    assertEquals((await host.precheck(pvf)).kind, "prepared");
  });
}

/** What can fail when a prepared artifact is executed, by how much room is left. */
const EXECUTIONS: { what: string; room: Room; reason: string; message: string }[] = [
  { what: "a worker's directory", room: { files: 0 }, reason: "spawn", message: "cannot be made" },
  { what: "the artifact's name", room: { files: 1 }, reason: "could-not-copy-artifact", message: "copy" },
  { what: "the artifact", room: { kib: 100 }, reason: "could-not-copy-artifact", message: "copy" },
];

for (const { what, room, reason, message } of EXECUTIONS) {
  diskTest(`an execution without room for ${what} ends in ${reason}, and is done when there is room`, async (disk) => {
    await using host = await startOn(disk);
    const [pvf, bound] = [await pvfOf(code(200)), await pvfOf(code())];
    await assertYes(host, bound);
    assertEquals((await host.precheck(pvf)).kind, "prepared");
    await preparationsOver(disk);
    disk.fill(room);
    assertInternal(await execute(host, pvf), reason, `${message}...${FULL}`);
    await assertYes(host, bound);
    assertEquals(host.artifacts.get(pvf.artifactId)?.state, "prepared");
    disk.empty();
    await assertYes(host, pvf);
  });
}

diskTest("a host does not start on a directory that is read-only, and says so", async (disk) => {
  await using _readOnly = await disk.readOnly();
  await assertRejects(() => startOn(disk), Error, "Read-only file system");
});

diskTest(
  "a host on a directory that becomes read-only goes on where it need not write, and says where it must",
  async (disk) => {
    const warnings: string[] = [];
    await using host = await startOn(disk, { onWarning: (message) => warnings.push(message) });
    const [bound, prepared, unknown] = [await pvfOf(code()), await pvfOf(code(1)), await pvfOf(code(2))];
    await assertYes(host, bound);
    await host.precheck(prepared);
    await preparationsOver(disk);
    {
      await using _readOnly = await disk.readOnly();
      await assertYes(host, bound);
      assertInternal(await execute(host, prepared), "spawn", "cannot be made...Read-only file system");
      assertInternal(await execute(host, unknown), "preparation", "spawn: ...Read-only file system");
      const [removed] = await host.prune(0);
      assertMatch(removed?.error?.message ?? "", /Read-only file system/);
    }
    for (const pvf of [bound, prepared, unknown]) await assertYes(host, pvf);
  },
);

diskTest(
  "a preparation whose traces cannot be deleted fails for that, and its worker is not used again",
  async (disk) => {
    const warnings: string[] = [];
    await using host = await startOn(disk, { onWarning: (message) => warnings.push(message) });
    const traces = `{
    prepare() {
      for (;;) try { Deno.writeTextFileSync("trace", ""); } catch { throw new PrepareFailure("preparation", "yes"); }
    }
  }`;
    const preparing = host.precheck(await pvfOf(traces));
    const directory = await directoryWith("trace", disk);
    {
      await using _readOnly = await disk.readOnly();
      const outcome = await preparing;
      assert(outcome.kind === "failed", JSON.stringify(outcome));
      assertEquals(outcome.error.kind, "clear-worker-dir");
      assertStringIncludes(outcome.error.message, "Read-only file system");
    }
    assertEquals(warnings, [`Cannot delete the worker directory "${directory}"`]);
    assertEquals(processesWith(directory), []);
    await assertYes(host, await pvfOf(code()));
  },
);

diskTest(
  "a host can be closed while its directory is read-only, and the next one deletes what it left",
  async (disk) => {
    const host = await startOn(disk);
    await assertYes(host, await pvfOf(code()));
    await preparationsOver(disk);
    {
      await using _readOnly = await disk.readOnly();
      await host.close();
      assert(namesIn(disk).length > 1, namesIn(disk).join());
    }
    await using next = await startOn(disk);
    assertEquals(next.artifacts.cleanUp.failures, []);
    assertEquals(namesIn(disk).length, 2, "the lock and the worker program");
  },
);
