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
