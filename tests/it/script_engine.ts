/**
 * An engine whose code is JavaScript: the text of an object with a `prepare` and a `run`, either of which may be left out. It is given
 * everything that a worker process has, so that tests can misbehave in every way that a hijacked worker could.
 */
export const SCRIPT_ENGINE = `
import { ExecuteFailure, PrepareFailure } from "../engine/engine.js";

/** Uses CPU time, however little of it a busy machine gives in that time. */
function burn(ms) {
  const cpuTimeMs = () => (Deno.cpuUsage().user + Deno.cpuUsage().system) / 1000;
  const [cpu, wall] = [cpuTimeMs(), performance.now()];
  while (cpuTimeMs() - cpu < ms || performance.now() - wall < ms);
}

function evaluate(code) {
  const text = new TextDecoder().decode(code);
  const names = ["ExecuteFailure", "PrepareFailure", "burn"];
  return new Function(...names, "return (" + text + ");")(ExecuteFailure, PrepareFailure, burn);
}

export const engine = {
  async prepare(input, services) {
    const { prepare } = evaluate(input.code);
    const artifact = await prepare?.(input, services) ?? input.code;
    return { artifact, decompressedBytes: input.code.length };
  },
  async load(artifact, services) {
    const { load, run } = evaluate(artifact);
    await load?.(services);
    return {
      async run(input) {
        const result = await run(input, services);
        return { result: typeof result === "string" ? new TextEncoder().encode(result) : result, peakMemoryPages: 1 };
      },
    };
  },
};
`;

/** The code of a script. */
export function script(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The same, in workers whose watchdog never looks. */
export const UNWATCHED_ENGINE = `globalThis.Worker = class {
  postMessage(memory) { new Int32Array(memory, 0, 2)[0] = 1; }
};\n${SCRIPT_ENGINE}`;

/** Statements that never come to an end, one in each language that a worker may be busy in. */
export const SPIN = {
  JavaScript: "for (;;);",
  /** `(module (func (export "run") (loop (br 0))))` */
  WebAssembly: `new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.fromHex(
    "0061736d01000000010401600000030201000707010372756e00000a0901070003400c000b0b"
  ))).exports.run();`,
};
