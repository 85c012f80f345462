/** Code for a soak: scripts and the real PVF, side by side on one host. */
import { script, SCRIPT_ENGINE } from "../../tests/it/script_engine.ts";

/** An engine for both: scripts begin with a brace. */
export const SOAK_ENGINE: string = `
import { engine as pvfs } from "../engine/pvf/pvf_engine.js";
${SCRIPT_ENGINE.replace("export const engine", "const scripts")}
const isScript = (code) => code[0] === "{".charCodeAt(0);

export const engine = {
  prepare: (input, services) => (isScript(input.code) ? scripts : pvfs).prepare(input, services),
  load: (artifact, services) => (isScript(artifact) ? scripts : pvfs).load(artifact, services),
};
`;

/** Scripts that give back their parameters, each in its own way. */
export const GOOD_SCRIPTS = {
  echo: "{ run({ params }) { return params; } }",
  burn: "{ run({ params }) { burn(20); return params; } }",
  sleep: "{ run({ params }) { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30); return params; } }",
  files: `{
    prepare({ code }) {
      Deno.mkdirSync("a/b", { recursive: true });
      for (const name of ["one", "a/two", "a/b/three"]) Deno.writeFileSync(name, new Uint8Array(10_000));
      return code;
    },
    run({ params }) { return params; },
  }`,
  log: `{
    run({ params, log }) {
      for (let entry = 0; entry < 2_000; entry++) log.add(3, "soak", "entry " + entry);
      return params;
    },
  }`,
  memory: "{ run({ params }) { new Uint8Array(32 * 2 ** 20).fill(1); return params; } }",
  slow: `{
    prepare({ code }) { burn(30); return code; },
    load() { burn(10); },
    run({ params }) { return params; },
  }`,
} as const;

/** Scripts of which no good can come, and what an execution of each ends in where nothing else goes wrong. */
export const BAD_SCRIPTS = {
  throws: ["possibly-invalid", '{ run() { throw new Error("thrown"); } }'],
  trap: ["invalid", '{ run() { throw new ExecuteFailure("trap", "trapped"); } }'],
  spin: ["invalid", "{ run() { for (;;); } }"],
  hang: ["possibly-invalid", "{ run() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); } }"],
  exit: ["possibly-invalid", "{ run() { Deno.exit(0); } }"],
  kill: ["possibly-invalid", '{ run() { Deno.kill(Deno.pid, "SIGKILL"); for (;;); } }'],
  lie: [
    "possibly-invalid",
    "{ run() { Deno.stdout.writeSync(new Uint8Array(100).fill(255)); return new Uint8Array(); } }",
  ],
  unprepared: ["preparation", '{ prepare() { throw new PrepareFailure("preparation", "refused"); } }'],
} as const;

/** A script that does the same under another code hash. */
export function salted(text: string, salt: number | string): Uint8Array {
  return script(text.replace("{", `{ /* ${salt} */`));
}
