/** Runs a prepared PVF. */
import { ScaleError } from "../../protocol/scale.ts";
import { decodeValidationResult } from "../../protocol/validation_data.ts";
import { ExecuteFailure } from "../engine.ts";
import type { EngineServices, Executed, ExecuteInput, LoadedCode, LogSink } from "../engine.ts";
import { withPlainBlockData } from "./block_data.ts";
import { PvfInstance } from "./instance.ts";
import { compile } from "./program.ts";
import type { Program } from "./program.ts";

const ENTRY_POINT = "validate_block";

/** Compiles an artifact. Throws {@linkcode ExecuteFailure} of the kind `runtime-construction`. */
export function load(artifact: Uint8Array, services: EngineServices): PvfRuntime {
  try {
    return new PvfRuntime(compile(artifact), services);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ExecuteFailure("runtime-construction", `Cannot compile the artifact: ${message}`, { cause: error });
  }
}

/** A compiled PVF. */
export class PvfRuntime implements LoadedCode {
  readonly #program: Program;
  readonly #services: EngineServices;

  constructor(program: Program, services: EngineServices) {
    this.#program = program;
    this.#services = services;
  }

  /** A fresh instance, for one job. Throws {@linkcode ExecuteFailure}. */
  instantiate(log: LogSink): PvfInstance {
    return new PvfInstance(this.#program, { ...this.#services, log });
  }

  run({ params, povBombLimitBytes, log }: ExecuteInput): Executed {
    const argument = withPlainBlockData(params, povBombLimitBytes);
    const instance = this.instantiate(log);
    const result = instance.call(ENTRY_POINT, argument);
    checkResult(result);
    return { result, peakMemoryPages: instance.memoryPages };
  }
}

function checkResult(result: Uint8Array): void {
  try {
    decodeValidationResult(result);
  } catch (error) {
    if (!(error instanceof ScaleError)) throw error;
    throw new ExecuteFailure("trap", `Cannot use the ${result.length} bytes that the code returned: ${error.message}`, {
      cause: error,
    });
  }
}
