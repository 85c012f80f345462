/** Attempts to take more of the machine than a job may. */
import { ended, type Group, harmless, refused } from "./attempt.ts";

export const resources: Group = {
  name: "resources",
  attempts: {
    ...ended(
      "the watchdog, or the kernel's bound on memory",
      /"reason":"(hard-timeout|resources-exhausted)"|"kind":"(timed-out|out-of-memory)"/,
      {
        "time: threads that are busy beside a main one that sleeps": `
        for (let i = 0; i < 4; i++) new Worker("data:text/javascript,for(;;);", { type: "module" });
        await new Promise(() => setTimeout(() => {}, 1e9));`,
      },
    ),
    ...ended("the watchdog", /"reason":"hard-timeout"|"kind":"timed-out"/, {
      "time: an endless loop": `for (;;);`,
      "time: microtasks without end": `for (;;) await null;`,
      "time: an expression that backtracks for ever": `/^(a+)+$/.test("a".repeat(64) + "b")`,
      "time: sort with a comparison that loops": `[1, 2].sort(() => { for (;;); })`,
    }),
    ...ended(
      "the heap's limit, or the one of memory, or the one of CPU time where collecting garbage takes long",
      /"reason":"(resources-exhausted|memory-limit|hard-timeout)"|"kind":"(out-of-memory|timed-out)"|<--- Last few GCs --->/,
      {
        "memory: a heap without end": `const all = []; for (;;) all.push(new Array(1_000_000).fill(all.length + 0.5));`,
      },
    ),
    ...refused(
      "V8's limits",
      /RangeError|Maximum call stack size exceeded|Cannot create a string longer|Invalid string length/,
      {
        "memory: a buffer of an exbibyte": `new ArrayBuffer(2 ** 52)`,
        "memory: a buffer of 64 TiB": `new ArrayBuffer(2 ** 46)`,
        "memory: a shared buffer of 64 TiB": `new SharedArrayBuffer(2 ** 46)`,
        "memory: a buffer that may grow to 64 TiB": `new ArrayBuffer(0, { maxByteLength: 2 ** 46 })`,
        "memory: a text without end": `"x".repeat(2 ** 30)`,
        "memory: a number without end": `1n << 2n ** 40n`,
        "memory: an array without end": `new Array(2 ** 32)`,
        "stack: a function that calls itself": `(function again() { again(); })()`,
        "node: a buffer of 64 TiB": `node("buffer").Buffer.alloc(2 ** 46)`,
      },
    ),
    ...harmless("the pipe has room for it, and the host keeps its end only", /^written$/, {
      "output: a flood of messages": `
        for (let i = 0; i < 100; i++) console.error("x".repeat(10_000));
        return "written";`,
    }),
    ...harmless("descriptors are the process's own, and it goes on without", /^given back$/, {
      "files: as many as there are": `
        const open = () => {
          try { return Deno.openSync("."); } catch (error) {
            if (!(error instanceof Deno.errors.NotCapable)) throw error;
            return Deno.openSync("own", { write: true, create: true });
          }
        };
        const all = [];
        try {
          for (let i = 0; i < 2_000; i++) all.push(open());
        } catch (error) {
          if (!/os error 24|EMFILE/.test(String(error))) throw error;
        }
        for (const file of all) file.close();
        return "given back";`,
    }),
  },
};
