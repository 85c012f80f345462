/**
 * What Deno's permissions leave open, and only a sandbox around Deno closes. Each is told as it is: `isOpen` says what a worker can do
 * without that sandbox, and must not be able to do with it.
 */
import type { Room } from "./runner.ts";
import { said } from "./runner.ts";

/** Something that no flag of Deno's forbids. */
export interface Gap {
  /** What a worker that controls all of its JavaScript can do. */
  readonly truth: string;
  /** Does it in a worker that executes, and looks whether it went through. */
  isOpen(room: Room): Promise<boolean>;
}

/** Waits for one connection, and tells whoever comes a secret. Deno asks for a permission to bind, and takes listening for bound. */
const LISTEN = `
  const { TCP, constants } = process.binding("tcp_wrap");
  const handle = new TCP(constants.SERVER);
  globalThis.kept = node("net").createServer((socket) => socket.end("out of the worker")).listen({ _handle: handle });
  await once(kept, "listening");
  return kept.address().port;`;

/** SQLite puts what does not fit into memory where it is told to. The file has no name once it is open, and goes with the process. */
const SPILL = `
  const database = new (node("sqlite").DatabaseSync)(":memory:");
  database.exec("PRAGMA temp_store = FILE; PRAGMA temp_store_directory = '" + t.neighbour + "'; PRAGMA temp.cache_size = 10");
  database.exec("CREATE TEMP TABLE t (x)");
  const rows = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000) SELECT n FROM c";
  database.exec("INSERT INTO t SELECT randomblob(1000) FROM (" + rows + ")");
  globalThis.kept = database;
  return database.prepare("SELECT count(*) AS count FROM t").get().count;`;

export const GAPS: Readonly<Record<string, Gap>> = {
  "listen on every address": {
    truth: "a worker can wait for connections from anywhere, and talk to whoever comes; it cannot connect by itself",
    async isOpen({ perform }) {
      const port = said(await perform(LISTEN), "returned");
      try {
        using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
        // The worker hears of it when its thread is next idle; the kernel has taken the connection already.
        return connection.remoteAddr.transport === "tcp";
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionRefused) return false;
        throw error;
      }
    },
  },
  "fill a directory outside with temporary files": {
    truth:
      "a worker can have files without a name in any directory that the host's user may write; they go with its process",
    async isOpen({ perform, targets }) {
      const told = await perform(SPILL);
      if (/not a writable directory/.test(said(told, "threw") ?? "")) return false;
      return spilledInto(targets.neighbour);
    },
  },
  "follow a link that the host would have made": {
    truth: "a symbolic link in a worker's directory leads wherever it points, which is why the host never makes one",
    async isOpen({ perform, targets, outside, cachePath }) {
      const directory = said(await perform(`return Deno.cwd()`), "returned");
      if (directory === undefined || !directory.startsWith(cachePath)) {
        throw new Error(`Found the directory ${directory}`);
      }
      await Deno.symlink(targets.outside, `${directory}/link`);
      return (await perform(`return Deno.readTextFileSync("link")`)).includes(outside.secret);
    },
  },
  "know its host's process": {
    truth: "a worker knows the numbers of its own process and of its host's",
    async isOpen({ perform, targets }) {
      return said(await perform(`return Deno.ppid`), "returned") === String(targets.hostPid);
    },
  },
};

/** Whether a process has a file open there that has no name any more. */
function spilledInto(directory: string): boolean {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      for (const { name: fd } of Deno.readDirSync(`/proc/${name}/fd`)) {
        if (Deno.readLinkSync(`/proc/${name}/fd/${fd}`).startsWith(`${directory}/etilqs`)) return true;
      }
    } catch {
      // It has ended meanwhile, or is another user's.
    }
  }
  return false;
}
