/** The engine for PVFs, the validation functions of Polkadot's parachains, written in WebAssembly. */
import type { Engine, EngineServices, LogSink, PrepareInput } from "../engine.ts";
import { ExecuteFailure, PrepareFailure } from "../engine.ts";
import { decompressCode } from "./blob.ts";
import { resourceFailure } from "./failures.ts";
import { checkInstructions } from "./instructions.ts";
import { limitMemory } from "./memory_limit.ts";
import { prevalidate } from "./prevalidate.ts";
import { compile } from "./program.ts";
import type { Program } from "./program.ts";
import { load, PvfRuntime } from "./runtime.ts";
import { DecompressionError } from "./zstd.ts";

const SILENCE: LogSink = { add: () => {} };

/** Decompresses, checks, limits and compiles; the artifact is the limited module. */
export const engine: Engine = {
  prepare(input, services) {
    const code = decompressed(input);
    prevalidate(code, input.maxMemoryPages);
    const artifact = limitMemory(code, input.maxMemoryPages);
    const program = compiled(artifact);
    checkInstructions(artifact, input.wasmExtBulkMemory);
    if (input.kind === "precheck") tryToInstantiate(program, services);
    return { artifact, decompressedBytes: code.length };
  },
  load,
};

function decompressed({ code, codeBombLimitBytes }: PrepareInput): Uint8Array {
  try {
    return decompressCode(code, codeBombLimitBytes);
  } catch (error) {
    if (!(error instanceof DecompressionError)) throw shortage(error) ?? error;
    throw new PrepareFailure("decompression", error.message, { cause: error });
  }
}

/** V8 compiles a function when it is first called, but checks all of them here. */
function compiled(wasm: Uint8Array): Program {
  try {
    return compile(wasm);
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw shortage(error) ?? error;
    throw new PrepareFailure("preparation", `Cannot compile the module: ${error.message}`, { cause: error });
  }
}

/** The failure of a machine that has no more memory, if `error` is one. */
function shortage(error: unknown): PrepareFailure | undefined {
  const failure = resourceFailure(error);
  return failure && new PrepareFailure("out-of-memory", failure.message, { cause: error });
}

function tryToInstantiate(program: Program, services: EngineServices): void {
  try {
    new PvfRuntime(program, services).instantiate(SILENCE);
  } catch (error) {
    if (!(error instanceof ExecuteFailure)) throw error;
    const kind = error.kind === "resources" ? "out-of-memory" : "runtime-construction";
    throw new PrepareFailure(kind, error.message, { cause: error });
  }
}
