/** Attempts to talk to another process on the machine. */
import { absent, all, type Group, harmless, REFUSED, refused } from "./attempt.ts";

const connect = (where: string): string =>
  `await new Promise((ok, no) => {
  const socket = node("net").connect(${where}).on("error", no).on("connect", () => ok(socket.destroy()));
})`;

export const ipc: Group = {
  name: "ipc",
  attempts: {
    ...all(REFUSED.socket, {
      "connect to a unix socket": `(await Deno.connect({ transport: "unix", path: t.unix })).close()`,
      "connect to the socket of the system's bus":
        `(await Deno.connect({ transport: "unix", path: "/run/dbus/system_bus_socket" })).close()`,
      "connect to the socket of docker":
        `(await Deno.connect({ transport: "unix", path: "/var/run/docker.sock" })).close()`,
      "connect to an abstract socket": `(await Deno.connect({ transport: "unix", path: "\\0" + t.abstract })).close()`,
      "listen on a unix socket": `Deno.listen({ transport: "unix", path: "socket" }).close()`,
      "listen on a unix socket outside": `Deno.listen({ transport: "unix", path: t.proof }).close()`,
      "listen on an abstract socket": `Deno.listen({ transport: "unix", path: "\\0kiln-escape" }).close()`,
      "serve on a unix socket":
        `await Deno.serve({ path: "socket", onListen: () => {} }, () => new Response()).shutdown()`,
      "node: connect to a unix socket": connect("t.unix"),
      "node: connect to an abstract socket": connect(`"\\0" + t.abstract`),
      "node: listen on a unix socket": `await once(node("net").createServer().listen("socket"), "listening")`,
      "node: listen on an abstract socket":
        `await once(node("net").createServer().listen("\\0kiln-escape"), "listening")`,
      "node: http over a unix socket":
        `(await once(node("http").get({ socketPath: t.unix, path: "/" }), "response")).resume()`,
      "in a thread":
        `await inThread("(await Deno.connect({ transport: 'unix', path: " + JSON.stringify(t.unix) + " })).close()")`,
    }),
    ...absent({
      "SharedWorker": `new (present(globalThis.SharedWorker, "SharedWorker"))("data:,")`,
      "node: a channel to its host": `present(process.send, "process.send")("x")`,
      "node: a pipe to its host": `present(process.channel, "process.channel")`,
    }),
    ...refused("there being no such descriptor", /EBADF|Bad file descriptor|BadResource/, {
      "node: read what its host may have left open": `
        const descriptors = Array.from({ length: 253 }, (_, i) => i + 3);
        const open = descriptors.filter((fd) => {
          try { node("fs").fstatSync(fd); return true; } catch (error) { if (error.code !== "EBADF") throw error; return false; }
        });
        if (open.length === 0) throw new Error("EBADF everywhere");
        return open;`,
      "node: write to what its host may have left open": `node("fs").writeSync(3, "x")`,
      "resources that its host may have left open": `core.readSync(3, new Uint8Array(1))`,
    }),
    ...harmless("a lock is held in this process only", /^held: 1$/, {
      "hold a lock of a name that a neighbour may hold": `
        return await navigator.locks.request("kiln", async () => "held: " + (await navigator.locks.query()).held.length)`,
    }),
  },
};

/** What one worker does to be heard by another, and how the other listens. */
export interface Channel {
  /** Leaves a listener that puts what it hears in `globalThis.heard`. */
  readonly listen: string;
  readonly speak: string;
}

/** Ways to talk that work between the threads of one process; they must not between processes. */
export const CHANNELS: Readonly<Record<string, Channel>> = {
  "BroadcastChannel": {
    listen: `const channel = new BroadcastChannel("kiln"); channel.onmessage = ({ data }) => globalThis.heard = data;`,
    speak: `globalThis.speaker ??= new BroadcastChannel("kiln"); speaker.postMessage("hello")`,
  },
  "BroadcastChannel of node:worker_threads": {
    listen: `
      const channel = new (node("worker_threads").BroadcastChannel)("kiln");
      channel.onmessage = ({ data }) => globalThis.heard = data;`,
    speak: `
      globalThis.nodeSpeaker ??= new (node("worker_threads").BroadcastChannel)("kiln");
      nodeSpeaker.postMessage("hello")`,
  },
  "a lock": {
    listen: `
      navigator.locks.request("kiln-channel", () => new Promise(() => {}));
      globalThis.look = async () => {
        const { held, pending } = await navigator.locks.query();
        if (held.length + pending.length > 1) globalThis.heard = "hello";
      };`,
    speak: `navigator.locks.request("kiln-channel", () => new Promise(() => {}))`,
  },
  "the environment of environments": {
    listen:
      `node("worker_threads").setEnvironmentData("kiln", ""); globalThis.look = () => globalThis.heard = node("worker_threads").getEnvironmentData("kiln")`,
    speak: `node("worker_threads").setEnvironmentData("kiln", "hello")`,
  },
};
