/** Attempts to start processes, to signal or change them, and to become another user. */
import { absent, all, type Group, harmless, REFUSED, refused } from "./attempt.ts";

/** Leaves a file outside: whoever runs it has come out. */
const SHELL = `["-c", ": > '" + t.proof + "'"]`;

export const process: Group = {
  name: "process",
  attempts: {
    ...all(REFUSED.run, {
      "Command.outputSync": `new Deno.Command("/bin/sh", { args: ${SHELL} }).outputSync()`,
      "Command.output": `await new Deno.Command("/bin/sh", { args: ${SHELL} }).output()`,
      "Command.spawn": `await new Deno.Command("/bin/sh", { args: ${SHELL} }).spawn().status`,
      "Command with an empty environment":
        `await new Deno.Command("/bin/sh", { args: ${SHELL}, clearEnv: true, env: {} }).output()`,
      "Command with other libraries":
        `await new Deno.Command("/bin/true", { env: { LD_PRELOAD: Deno.cwd() + "/own.so" } }).output()`,
      "Command of deno itself": `new Deno.Command(Deno.execPath(), { args: ["--version"] }).outputSync()`,
      "Command that is detached": `await new Deno.Command("/bin/true", { detached: true }).spawn().status`,
      "Command as another user": `await new Deno.Command("/bin/true", { uid: 0, gid: 0 }).output()`,
      "spawn": `await Deno.spawn("/bin/sh", ${SHELL}).status`,
      "spawnAndWait": `await Deno.spawnAndWait("/bin/sh", ${SHELL})`,
      "spawnAndWaitSync": `Deno.spawnAndWaitSync("/bin/sh", ${SHELL})`,
      "run": `await Deno.run({ cmd: ["/bin/sh", ...${SHELL}] }).status()`,
      "Command in a thread": `await inThread("new Deno.Command('/bin/true').outputSync()")`,
      "node: signal its host": `process.kill(t.hostPid, 0)`,
      "node: signal its host, beside kill": `process._kill(t.hostPid, 0)`,
      "node: debug a process": `process._debugProcess(2 ** 22 + 1)`,
      "signal its host": `Deno.kill(t.hostPid, "SIGCONT")`,
      "signal the process that started it": `Deno.kill(Deno.ppid, "SIGCONT")`,
      "signal its neighbour": `Deno.kill(t.neighbourPid, "SIGCONT")`,
      "signal init": `Deno.kill(1, "SIGCONT")`,
      "signal its own group": `Deno.kill(0, "SIGCONT")`,
      "signal everybody": `Deno.kill(-1, "SIGCONT")`,
      "signal the group of its host": `Deno.kill(-t.hostPid, "SIGCONT")`,
      "signal its host by a number that overflows": `Deno.kill(2 ** 32 + t.hostPid, "SIGCONT")`,
      "signal its host in a thread": `await inThread("Deno.kill(" + t.hostPid + ", 'SIGCONT')")`,
    }),
    ...all(REFUSED.child, {
      "node: execSync": `node("child_process").execSync(": > '" + t.proof + "'", { env: {} })`,
      "node: execFileSync": `node("child_process").execFileSync("/bin/sh", ${SHELL}, { env: {} })`,
      "node: spawnSync": `
        const { error } = node("child_process").spawnSync("/bin/sh", ${SHELL}, { env: {} });
        if (error) throw error;`,
      "node: exec": `
        await new Promise((ok, no) => node("child_process").exec(": > '" + t.proof + "'", { env: {} }, (e) => e ? no(e) : ok()))`,
      "node: execFile": `
        await new Promise((ok, no) => node("child_process").execFile("/bin/sh", ${SHELL}, { env: {} }, (e) => e ? no(e) : ok()))`,
      "node: spawn": `await once(node("child_process").spawn("/bin/sh", ${SHELL}, { env: {} }), "exit")`,
      "node: spawn through a shell":
        `await once(node("child_process").spawn(": > '" + t.proof + "'", { env: {}, shell: true }), "exit")`,
      "node: fork": `node("child_process").fork("/nothing.js", [], { env: {} })`,
    }),
    ...refused("there being no path to search", /no path to search/, {
      "Command by a name": `await new Deno.Command("true").output()`,
    }),
    ...all(REFUSED.env, {
      "node: execSync with the environment": `node("child_process").execSync("true")`,
      "node: cluster.fork": `node("cluster").fork()`,
    }),
    ...all(REFUSED.sys, {
      "node: setuid": `process.setuid(process.getuid())`,
      "node: seteuid": `process.seteuid(process.geteuid())`,
      "node: setgid": `process.setgid(process.getgid())`,
      "node: setegid": `process.setegid(process.getegid())`,
      "node: set the priority of its host": `
        const os = node("os");
        os.setPriority(t.hostPid, os.getPriority(t.hostPid));`,
      "node: set its own priority": `node("os").setPriority(0, 0)`,
      "umask": `Deno.umask(Deno.umask())`,
      "node: umask": `process.umask(process.umask())`,
    }),
    ...all(REFUSED.ffi, {
      "dlopen": `Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", { getpid: { parameters: [], result: "i32" } }).close()`,
      "dlopen of its own file": `Deno.dlopen(Deno.cwd() + "/own.so", {}).close()`,
      "a pointer out of thin air": `Deno.UnsafePointer.create(4096n)`,
      "a pointer to its memory": `Deno.UnsafePointer.of(new Uint8Array(8))`,
      "a callback for native code": `new Deno.UnsafeCallback({ parameters: [], result: "void" }, () => {}).close()`,
      "node: process.dlopen": `process.dlopen({ exports: {} }, Deno.cwd() + "/own.node")`,
      "node: load a native module":
        `node("module")._extensions[".node"](new (node("module").Module)("x"), "/lib/x86_64-linux-gnu/libm.so.6")`,
    }),
    ...absent({
      "node: execve": `present(process.execve, "process.execve")("/bin/true")`,
      "fork": `present(Deno.fork, "Deno.fork")()`,
    }),
    ...harmless("it is the job's own process, which the host replaces", /^\d+$/, {
      "signal itself": `Deno.kill(Deno.pid, "SIGCONT"); return Deno.pid`,
    }),
    ...harmless("it names its own process only", /^kiln-renamed$/, {
      "node: rename its process": `
        const before = process.title;
        process.title = "kiln-renamed";
        const { title } = process;
        process.title = before;
        return title;`,
    }),
  },
};
