/** Attempts to use devices, and what the kernel shows as files. */
import { all, type Group, harmless, REFUSED } from "./attempt.ts";

const open = (path: string): string => `Deno.openSync(${path}).close()`;

const DEVICES = [
  "/dev/null",
  "/dev/zero",
  "/dev/full",
  "/dev/random",
  "/dev/urandom",
  "/dev/tty",
  "/dev/ptmx",
  "/dev/mem",
  "/dev/kmsg",
  "/dev/fd/0",
  "/dev/stdin",
  "/dev/kvm",
  "/dev/fuse",
  "/dev/net/tun",
  "/dev/dri/renderD128",
];

const KERNEL = [
  "/proc/self/environ",
  "/proc/self/maps",
  "/proc/self/mem",
  "/proc/self/exe",
  "/proc/self/fd/0",
  "/proc/self/status",
  "/proc/self/mountinfo",
  "/proc/thread-self/status",
  "/proc/1/cmdline",
  "/proc/net/tcp",
  "/proc/net/unix",
  "/proc/meminfo",
  "/proc/cpuinfo",
  "/proc/kcore",
  "/proc/sys/kernel/hostname",
  "/proc/pressure/cpu",
  "/sys/class/net",
  "/sys/kernel",
  "/sys/fs/cgroup",
];

export const devices: Group = {
  name: "devices",
  attempts: {
    ...all(REFUSED.read, {
      ...Object.fromEntries([...DEVICES, ...KERNEL].map((path) => [`open ${path}`, open(JSON.stringify(path))])),
      "open its host's memory": open(`"/proc/" + t.hostPid + "/mem"`),
      "open its host's environment": open(`"/proc/" + t.hostPid + "/environ"`),
      "open its host's standard input": open(`"/proc/" + t.hostPid + "/fd/0"`),
      "open its neighbour's memory": open(`"/proc/" + t.neighbourPid + "/mem"`),
      "list its host's files": `Array.from(Deno.readDirSync("/proc/" + t.hostPid + "/fd"))`,
      "list all processes": `Array.from(Deno.readDirSync("/proc"))`,
      "list all devices": `Array.from(Deno.readDirSync("/dev"))`,
      "node: open the terminal": `node("fs").closeSync(node("fs").openSync("/dev/tty"))`,
      "node: read its environment": `node("fs").readFileSync("/proc/self/environ")`,
      "read its environment as a module": `await import("file:///proc/self/environ", { with: { type: "text" } })`,
      "fetch its environment": `await fetch("file:///proc/self/environ")`,
      "node: use an open file as a terminal": `new (node("tty").ReadStream)(5)`,
    }),
    ...harmless("its Deno is told that there is no graphics processor", /^null$/, {
      "use a graphics processor": `return await navigator.gpu.requestAdapter()`,
      "use a graphics processor that is software":
        `return await navigator.gpu.requestAdapter({ forceFallbackAdapter: true })`,
      "use a graphics processor in a thread": `return await inThread("return await navigator.gpu.requestAdapter()")`,
    }),
    ...all(REFUSED.write, {
      "write to the terminal": `Deno.openSync("/dev/tty", { write: true }).close()`,
      "write to its standard output as a file": `Deno.openSync("/dev/stdout", { write: true }).close()`,
      "write to the kernel's log": `Deno.openSync("/dev/kmsg", { write: true }).close()`,
      "write to its memory": `Deno.openSync("/proc/self/mem", { write: true }).close()`,
      "write to its neighbour's memory": `Deno.openSync("/proc/" + t.neighbourPid + "/mem", { write: true }).close()`,
      "change who is killed first": `Deno.openSync("/proc/self/oom_score_adj", { write: true }).close()`,
      "change the kernel's settings": `Deno.openSync("/proc/sys/kernel/core_pattern", { write: true }).close()`,
      "change its control group": `Deno.openSync("/sys/fs/cgroup/cgroup.procs", { write: true }).close()`,
    }),
  },
};
