/**
 * The engine of the worker that probes the sandbox. It is imported as text, and runs where engines run: inside. When it is loaded, and
 * so before the worker says that it is ready, it tries what a worker must not do and writes what came of it to its standard error: not
 * every worker may write a file. Nothing that it tries would leave this machine or change anything on it, even if it were let through.
 */
import { readFileSync, writeFileSync } from "node:fs";

/** Something that a worker must not be able to do. */
type Attempt = () => unknown;

/** What says no in Deno's place, where no permission is asked for. */
type Refusal = (error: unknown) => boolean;

/** An import reports the refusal in an error of another class. */
const isDenied: Refusal = (error) =>
  error instanceof Deno.errors.NotCapable ||
  error instanceof TypeError && /^Requires \w+ access to /.test(error.message);
/** There is no place for storage, so any failure will do. */
const isAnyFailure: Refusal = () => true;
const says = (text: string): Refusal => (error) => String(error).includes(text);

/** A file outside of the worker's directory that is there for certain: this one. */
const program = new URL(import.meta.url);
/** Next to the worker's directory. */
const outside = `../kiln-security-probe-${Deno.pid}`;
/** Nobody listens there; if somebody does, connecting harms nobody. `fetch` refuses port 1 for its number. */
const loopback = { hostname: "127.0.0.1", port: 2 };
/**
 * A host that Deno lets workers import from without asking, unless a flag forbids it. The address is longer than one may be, so that
 * without the flag it fails before anybody is asked for it.
 */
const remoteModule = `https://jsr.io/${"x".repeat(70_000)}`;

async function imported(specifier: string, type?: "text"): Promise<void> {
  await import(specifier, type ? { with: { type } } : {});
}

/** Writes, and undoes it. */
function written(write: (path: string) => void): void {
  write(outside);
  Deno.removeSync(outside, { recursive: true });
}

function stored(): void {
  localStorage.setItem("kiln-security-probe", "1");
  localStorage.removeItem("kiln-security-probe");
}

async function cached(): Promise<void> {
  await caches.open("kiln-security-probe");
  await caches.delete("kiln-security-probe");
}

function listened(): void {
  Deno.listen({ hostname: loopback.hostname, port: 0 }).close();
}

/** By capability and name. */
const ATTEMPTS: Record<string, Record<string, [Attempt, Refusal?]>> = {
  canConfineReads: {
    "read a file": [() => Deno.readFileSync(program)],
    "read a file by node:fs": [() => readFileSync(program)],
    "read a file by fetch": [() => fetch(program)],
    "read a file by import": [() => imported(`${program}?probe`, "text")],
    "read what it has written": [() => {
      // Where both can be, links and journals lead out.
      Deno.writeTextFileSync("written", "");
      try {
        Deno.readTextFileSync("written");
      } finally {
        Deno.removeSync("written");
      }
    }],
    "list a directory": [() => Array.from(Deno.readDirSync(".."))],
    "read /etc/passwd": [() => Deno.readFileSync("/etc/passwd")],
    "read /proc/self/environ": [() => Deno.readFileSync("/proc/self/environ")],
  },
  canConfineWrites: {
    "write a file": [() => written((path) => Deno.writeFileSync(path, new Uint8Array()))],
    "write a file by node:fs": [() => written((path) => writeFileSync(path, ""))],
    "make a directory": [() => written((path) => Deno.mkdirSync(path))],
    "make a symbolic link": [() => {
      Deno.symlinkSync("..", "link");
      Deno.removeSync("link");
    }],
  },
  canDenyNetwork: {
    "connect to 127.0.0.1:2": [async () => (await Deno.connect(loopback)).close()],
    "fetch from 127.0.0.1:2": [() => fetch(`http://${loopback.hostname}:${loopback.port}/`)],
    "listen on 127.0.0.1": [listened],
    "connect to a unix socket": [async () => (await Deno.connect({ transport: "unix", path: "/nowhere" })).close()],
  },
  canDenyProcesses: {
    "run deno": [() => new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync()],
    // It asks a process that goes on to go on.
    "send a signal to the host": [() => Deno.kill(Deno.ppid, "SIGCONT")],
  },
  canDenyEnvironment: {
    "read a variable": [() => Deno.env.get("PATH")],
    "list the variables": [() => Deno.env.toObject()],
    "read the host name": [() => Deno.hostname()],
    "read the network interfaces": [() => Deno.networkInterfaces()],
  },
  canDenyImports: {
    "import from the net": [() => imported(remoteModule), says("--no-remote is specified")],
    // To resolve it is to be let in; nothing is fetched for that.
    "import from npm": [() => import.meta.resolve("npm:kiln-security-probe"), says("--no-npm is specified")],
  },
  canDenyStorage: {
    "keep something in localStorage": [stored, isAnyFailure],
    "keep something in a cache": [cached, isAnyFailure],
  },
  canDenyNativeCode: {
    "load a native library": [() => Deno.dlopen(Deno.execPath(), {}).close()],
  },
};

/** The first attempt that was not refused as it has to be; `undefined` if there is none. */
async function firstFault(attempts: Record<string, [Attempt, Refusal?]>): Promise<string | undefined> {
  for (const [name, [attempt, isRefusal = isDenied]] of Object.entries(attempts)) {
    try {
      await attempt();
      return `${name}: it was let through, a refusal wanted`;
    } catch (error) {
      if (!isRefusal(error)) return `${name}: found ${brief(error)}, a refusal by Deno wanted`;
    }
  }
  return undefined;
}

/** A message may repeat a long address. */
function brief(error: unknown): string {
  const text = String(error);
  return text.length > 200 ? `${text.slice(0, 100)}...${text.slice(-100)}` : text;
}

/** The thread's program: it sends its own process a signal that changes nothing, looks at what it uses, and says that it was there. */
const THREAD = `onmessage = ({ data }) => {
  const words = new Int32Array(data);
  try {
    Deno.kill(Deno.pid, "SIGCONT");
    Atomics.store(words, 0, Deno.cpuUsage().user + Deno.memoryUsage().rss > 0 && Deno.ppid > 0 ? 1 : 2);
  } catch {
    Atomics.store(words, 0, 2);
  }
  Atomics.notify(words, 0);
};`;

const THREAD_TIMEOUT_MS = 2_000;

/** Why no thread can watch; `undefined` if one can. The main one sleeps meanwhile, as deaf as if it were busy. */
function threadFault(): string | undefined {
  const words = new Int32Array(new SharedArrayBuffer(4));
  try {
    const thread = new Worker(`data:text/javascript,${encodeURIComponent(THREAD)}`, { type: "module" });
    thread.postMessage(words.buffer);
    Atomics.wait(words, 0, 0, THREAD_TIMEOUT_MS);
    thread.terminate();
  } catch (error) {
    return `start a thread: found ${brief(error)}, a thread wanted`;
  }
  if (words[0] === 1) return undefined;
  return words[0] === 0
    ? `start a thread: found none within ${THREAD_TIMEOUT_MS} ms, one wanted`
    : "watch from a thread: found it unable to see and to end its process, both wanted";
}

/** What was tried, and `null` where nothing is wrong. */
interface Finding {
  readonly tried: string[];
  readonly fault: string | null;
}

const findings: Record<string, Finding> = {
  canWatchFromInside: { tried: ["watch from a thread while the main one is busy"], fault: threadFault() ?? null },
};
for (const [capability, attempts] of Object.entries(ATTEMPTS)) {
  findings[capability] = { tried: Object.keys(attempts), fault: await firstFault(attempts) ?? null };
}
Deno.stderr.writeSync(new TextEncoder().encode(JSON.stringify(findings)));

/** There is no work here. */
export const engine = {};
