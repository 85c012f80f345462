/** What becomes of workers whose host is killed, whatever they are doing. Scripts stand in for a job's code: WebAssembly can do less. */
import { assertLess } from "@std/assert";
import { delay } from "@std/async/delay";
import { toFileUrl } from "@std/path";
import { BEGIN, hasBegun, isHeldOpen } from "./begun.ts";
import { hostGrants, resolutionFlags, ROOT } from "./deno_process.ts";
import { processesWith } from "./processes.ts";
import { SCRIPT_ENGINE, SPIN } from "./script_engine.ts";

/** Does something again and again, come what may. */
function forever(statement: string): string {
  return `for (;;) try { ${statement} } catch { /* It goes on. */ }`;
}

const JUNK = "new Uint8Array(4096).fill(65)";

/** What a worker is doing that does not end by itself. */
const BUSY: Record<string, string> = {
  "spins in JavaScript": `{ run() { ${BEGIN} ${SPIN.JavaScript} } }`,
  "spins in WebAssembly": `{ run() { ${BEGIN} ${SPIN.WebAssembly} } }`,
  "sleeps": `{ run() { ${BEGIN} Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } }`,
  "writes files": `{ prepare() { ${BEGIN} ${forever(`Deno.writeTextFileSync("file" + Date.now() % 10, "text");`)} } }`,
  "floods its standard error": `{ run() { ${BEGIN} ${forever(`Deno.stderr.writeSync(${JUNK});`)} } }`,
  "waits for asynchronous work": `{ async run() { ${BEGIN} for (;;) await Deno.lstat("."); } }`,
  "listens in on what the watchdog is told": `{
    load() {
      const hear = (words) => globalThis.words ??= ArrayBuffer.isView(words) && words.buffer instanceof SharedArrayBuffer ? words : undefined;
      for (const [owner, names] of [[Atomics, ["store", "notify", "wait", "compareExchange"]], [Object.getPrototypeOf(Uint8Array.prototype), ["set"]]]) {
        for (const name of names) {
          const native = owner[name];
          owner[name] = function (...args) { hear(this); hear(args[0]); return native.apply(this, args); };
        }
      }
    },
    run() {
      if (globalThis.words) new Int32Array(words.buffer, 0, 2)[1] = 0;
      ${BEGIN}
      ${SPIN.JavaScript}
    }
  }`,
  "is done, and has left a thread and what keeps its process from ending": `{
    run() {
      Deno.exit = process.exit = () => {};
      addEventListener("unload", () => { ${SPIN.JavaScript} });
      new Worker("data:text/javascript," + encodeURIComponent(${
    JSON.stringify(BEGIN + SPIN.JavaScript)
  }), { type: "module" });
      return "";
    }
  }`,
  "prepares": `{ prepare() { ${BEGIN} ${SPIN.JavaScript} } }`,
  "loads an artifact": `{ load() { ${BEGIN} ${SPIN.JavaScript} }, run() {} }`,
};

/** It floods its standard output once the host is stopped: a host that reads that puts an end to it. */
const FLOOD = `{
  run() {
    ${BEGIN}
    for (let isStopped = false; !isStopped;) try { isStopped = Deno.statSync("stopped").isFile; } catch { /* Not yet. */ }
    globalThis.flooding = Deno.openSync("stopped");
    ${forever(`Deno.stdout.writeSync(${JUNK});`)}
  }
}`;

/** A host in a process of its own, one worker of which is busy with `code`, and another one idle. */
class DoomedHost implements AsyncDisposable {
  readonly #directory: string;
  readonly #process: Deno.ChildProcess;

  private constructor(directory: string, process: Deno.ChildProcess) {
    this.#directory = directory;
    this.#process = process;
  }

  static async start(code: string): Promise<DoomedHost> {
    const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
    const cachePath = `${directory}/cache`;
    await Deno.mkdir(cachePath);
    await Deno.writeTextFile(`${directory}/main.ts`, program(cachePath, code));
    const args = ["run", "--no-check", ...resolutionFlags(), ...hostGrants(cachePath), `${directory}/main.ts`];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" }, stdin: "null" });
    return new DoomedHost(directory, command.spawn());
  }

  /** The workers that are alive. */
  workers(): number[] {
    return processesWith(`${this.#directory}/cache/worker-dir-`);
  }

  /** The directory of the worker that is busy, once there are it and an idle one. */
  async busyDirectory(): Promise<string> {
    for (let tries = 0; tries < 1_000; tries++, await delay(20)) {
      const names = Array.from(Deno.readDirSync(`${this.#directory}/cache`), ({ name }) => name);
      const directories = names.filter((name) => name.startsWith("worker-dir-"));
      const paths = directories.map((name) => `${this.#directory}/cache/${name}`);
      const busy = paths.find(hasBegun);
      if (busy !== undefined && this.workers().length > 1) return busy;
    }
    throw new Error("No worker is busy");
  }

  /** Stops it, so that its workers do what they like and nobody reads it. */
  stop(): void {
    this.#process.kill("SIGSTOP");
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // None is left, unless the test has failed.
    for (const pid of processesWith(this.#directory)) Deno.kill(pid, "SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function program(cachePath: string, code: string): string {
  const options = { cachePath, engineSource: SCRIPT_ENGINE, spawnTimeoutMs: 20_000 };
  return `
import { Pvf, ValidationHost } from "${toFileUrl(`${ROOT}mod.ts`).href}";

const host = await ValidationHost.start(${JSON.stringify(options)});
const pvf = await Pvf.fromCode(new TextEncoder().encode(${JSON.stringify(code)}));
await host.execute(pvf, { params: new Uint8Array(), timeoutMs: 60_000 });
setInterval(() => {}, 60_000);
`;
}

/** No worker, besides one perhaps, is alive a second after this was called. */
async function assertNoneAlive(host: DoomedHost, but?: number): Promise<void> {
  const start = performance.now();
  const others = (): number[] => host.workers().filter((pid) => pid !== but);
  for (let alive = others(); alive.length > 0; alive = others()) {
    assertLess(performance.now() - start, 1_000, `still alive: ${alive}`);
    await delay(10);
  }
}

for (const [what, code] of Object.entries(BUSY)) {
  Deno.test(`a second after its host was killed no worker is alive: one ${what}, another one is idle`, async () => {
    await using host = await DoomedHost.start(code);
    await host.busyDirectory();
    await host.kill();
    await assertNoneAlive(host);
  });
}

Deno.test("a second after its host was killed no worker is alive: one floods its standard output", async () => {
  await using host = await DoomedHost.start(FLOOD);
  const directory = await host.busyDirectory();
  host.stop();
  await Deno.writeTextFile(`${directory}/stopped`, "");
  while (!isHeldOpen(directory, `${directory}/stopped`)) await delay(5);
  await host.kill();
  await assertNoneAlive(host);
});

Deno.test("a second after its host was killed no worker is alive: all are about to start", async () => {
  await using host = await DoomedHost.start(BUSY["spins in JavaScript"] ?? "");
  for (let tries = 0; host.workers().length === 0; tries++, await delay(1)) assertLess(tries, 20_000, "no worker");
  await host.kill();
  await assertNoneAlive(host);
});

// Nobody but the system can end what is stopped, and not every system does: only where the host was a job of a shell, whose other
// processes are then told to go on and to hang up.
Deno.test("a worker that is stopped when its host is killed ends as soon as it goes on", async () => {
  await using host = await DoomedHost.start(BUSY["spins in JavaScript"] ?? "");
  const [stopped = 0] = processesWith(await host.busyDirectory());
  Deno.kill(stopped, "SIGSTOP");
  await host.kill();
  await assertNoneAlive(host, stopped);
  if (host.workers().includes(stopped)) Deno.kill(stopped, "SIGCONT");
  await assertNoneAlive(host);
});
