/** Attempts to see environment variables, the machine and its user, and to be granted more. */
import { all, type Group, harmless, REFUSED, refused } from "./attempt.ts";

/** Asks for a permission, and throws if it is not granted. */
function request(descriptor: string): string {
  return `
    const { state } = await Deno.permissions.request(${descriptor});
    if (state !== "granted") throw new Error("permission is " + state);`;
}

const OUTSIDE: Record<string, string> = {
  read: `{ name: "read", path: t.outside }`,
  write: `{ name: "write", path: t.outside }`,
  "read everything": `{ name: "read" }`,
  "write everything": `{ name: "write" }`,
  net: `{ name: "net" }`,
  "connect to loopback": `{ name: "net", host: "127.0.0.1:" + t.tcp }`,
  env: `{ name: "env" }`,
  run: `{ name: "run" }`,
  "run deno": `{ name: "run", command: Deno.execPath() }`,
  sys: `{ name: "sys" }`,
  ffi: `{ name: "ffi" }`,
  import: `{ name: "import" }`,
};

export const environment: Group = {
  name: "environment",
  attempts: {
    ...all(REFUSED.env, {
      "env.get": `Deno.env.get("PATH")`,
      "env.has": `Deno.env.has("HOME")`,
      "env.toObject": `Deno.env.toObject()`,
      "env.set": `Deno.env.set("KILN", "1")`,
      "env.delete": `Deno.env.delete("KILN")`,
      "env of Deno's own": `Deno.env.get("DENO_DIR")`,
      "env in a thread": `await inThread("Deno.env.get('PATH')")`,
      "node: process.env": `return process.env.PATH`,
      "node: process.env of all": `return Object.keys(process.env).length`,
      "node: process.env, set": `process.env.KILN = "1"`,
      "node: process.env, delete": `delete process.env.KILN`,
      "node: process.env, in": `return "PATH" in process.env`,
      "node: process.env in a thread": `await inThread("return process.env.PATH")`,
      "node: process.env in a thread that shares it": `
        const { Worker, SHARE_ENV } = node("worker_threads");
        await once(new Worker("require('worker_threads').parentPort.postMessage(String(process.env.PATH))", { eval: true, env: SHARE_ENV }), "message")`,
      "node: loadEnvFile": `process.loadEnvFile(".env")`,
      "node: os.tmpdir": `return node("os").tmpdir()`,
    }),
    ...all(REFUSED.sys, {
      "hostname": `return Deno.hostname()`,
      "osRelease": `return Deno.osRelease()`,
      "osUptime": `return Deno.osUptime()`,
      "loadavg": `return Deno.loadavg()`,
      "networkInterfaces": `return Deno.networkInterfaces()`,
      "systemMemoryInfo": `return Deno.systemMemoryInfo()`,
      "uid": `return Deno.uid()`,
      "gid": `return Deno.gid()`,
      "hostname in a thread": `await inThread("Deno.hostname()")`,
      "node: os.hostname": `return node("os").hostname()`,
      "node: os.release": `return node("os").release()`,
      "node: os.uptime": `return node("os").uptime()`,
      "node: os.loadavg": `return node("os").loadavg()`,
      "node: os.cpus": `return node("os").cpus()`,
      "node: os.networkInterfaces": `return node("os").networkInterfaces()`,
      "node: os.totalmem": `return node("os").totalmem()`,
      "node: os.freemem": `return node("os").freemem()`,
      "node: os.userInfo": `return node("os").userInfo()`,
      "node: os.homedir": `return node("os").homedir()`,
      "node: os.getPriority": `return node("os").getPriority()`,
      "node: getuid": `return process.getuid()`,
      "node: geteuid": `return process.geteuid()`,
      "node: getgroups": `return process.getgroups()`,
      "node: constrainedMemory": `return process.constrainedMemory()`,
    }),
    ...refused("no permission for the system or its directory", /\bRequires (sys|read) access\b/, {
      "node: statfs of its directory": `return node("fs").statfsSync(".").blocks`,
    }),
    ...refused("the host, which is not asked", /^Error: permission is denied$/, {
      ...Object.fromEntries(Object.entries(OUTSIDE).map(([name, each]) => [`ask to ${name}`, request(each)])),
    }),
    ...harmless("it holds no grant but that for its directory", /^$/, {
      "permissions that it has": `
        const names = ["read", "write", "net", "env", "run", "sys", "ffi", "import"];
        const states = await Promise.all(names.map((name) => Deno.permissions.query({ name })));
        return names.filter((_, i) => states[i].state === "granted").join()`,
    }),
    ...harmless(
      "it is told by the host or by the machine's kind, and is no secret",
      /^[^\n]*kiln-worker-program-[^\n]*$/,
      {
        "where its program and deno are":
          `return [Deno.mainModule, Deno.execPath(), Deno.cwd(), process.argv].join(" ")`,
      },
    ),
  },
};
