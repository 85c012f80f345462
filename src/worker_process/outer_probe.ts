/**
 * The program that probes the outer sandbox from inside, imported as text. Deno lets it do everything, so what keeps it from anything
 * is the outer sandbox alone. Its argument is a file outside that is there for certain; it writes what it found to standard output.
 */

/** Whether it was let through, or what keeps it from that: an error. */
type Attempt = () => boolean | Promise<boolean>;

const [outside = ""] = Deno.args;

function read(path: string): boolean {
  Deno.readTextFileSync(path);
  return true;
}

function written(path: string): boolean {
  Deno.writeTextFileSync(path, "");
  Deno.removeSync(path);
  return true;
}

/** Only that: it is real, and nothing must be written to it. */
function openedForWriting(path: string): boolean {
  Deno.openSync(path, { write: true }).close();
  return true;
}

/** Besides this process, there is the one that is the parent of all in here. */
function foundProcesses(): boolean {
  return Array.from(Deno.readDirSync("/proc")).filter(({ name }) => /^\d+$/.test(name)).length > 2;
}

function foundNetworks(): boolean {
  return Deno.networkInterfaces().some(({ name }) => name !== "lo");
}

async function foundGraphics(): Promise<boolean> {
  // A deno without the interface is as well off as one without a device.
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  return (await gpu?.requestAdapter() ?? null) !== null;
}

/** What the kernel says of this process in lines of a name and a value. */
function statusOf(name: string): string | undefined {
  return Deno.readTextFileSync("/proc/self/status").match(new RegExp(`^${name}:\\s*(\\S+)$`, "m"))?.[1];
}

const ATTEMPTS: Record<string, Attempt> = {
  "read /etc/passwd": () => read("/etc/passwd"),
  "read a file outside": () => read(outside),
  "write next to its directory": () => written("../kiln-security-probe"),
  "write to /": () => written("/kiln-security-probe"),
  "write to /dev/shm": () => written("/dev/shm/kiln-security-probe"),
  "open a setting of the kernel": () => openedForWriting("/proc/sys/kernel/core_pattern"),
  "see another process": foundProcesses,
  "see a network": foundNetworks,
  "find a graphics device": foundGraphics,
  "keep a capability": () => !/^0+$/.test(statusOf("CapEff") ?? ""),
  "gain privileges": () => statusOf("NoNewPrivs") !== "1",
};

/** No such file, a file system that cannot be written, or somebody else's file. */
function isRefusal(error: unknown): boolean {
  const classes = [Deno.errors.NotFound, Deno.errors.PermissionDenied];
  return classes.some((each) => error instanceof each) || String(error).includes("Read-only file system");
}

async function faultOf(attempt: Attempt): Promise<string | undefined> {
  try {
    return await attempt() ? "it was let through, a refusal wanted" : undefined;
  } catch (error) {
    return isRefusal(error) ? undefined : `found ${error}, a refusal by the system wanted`;
  }
}

/** A limit of the kernel's, as the system tells it: a number, "unlimited", or nothing where there is no such limit. */
function limit(name: string): string | undefined {
  return Deno.readTextFileSync("/proc/self/limits").match(new RegExp(`^${name}\\s+(\\S+)`, "m"))?.[1];
}

const faults: Record<string, string | null> = {};
for (const [name, attempt] of Object.entries(ATTEMPTS)) faults[name] = await faultOf(attempt) ?? null;

const limits = Object.fromEntries(
  ["Max data size", "Max file size", "Max core file size", "Max open files"].map((name) => [name, limit(name)]),
);
// A program of its own, that nobody watches while it writes: a short report fits into a pipe.
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ faults, limits })));
