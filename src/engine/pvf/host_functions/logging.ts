/** `ext_logging_*`. */
import { ExecuteFailure } from "../../engine.ts";
import { type HostContext, type HostFunctions, start } from "./context.ts";

/** Code numbers the levels from 0 (error) to 4 (trace); everybody else, from 1. */
const LEVELS = 5;
const INFO = 3;

export function loggingFunctions({ memory, log }: HostContext): HostFunctions {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const lenient = new TextDecoder();
  return {
    ext_logging_log_version_1: (level: number, target: bigint, message: bigint) => {
      if (level < 0 || level >= LEVELS) {
        throw new ExecuteFailure("trap", `Cannot log: level ${level} found, 0 to ${LEVELS - 1} wanted`);
      }
      log.add(
        level + 1,
        decodeTarget(strict, memory.readSlice(target)),
        lenient.decode(start(memory.readSlice(message))),
      );
    },
    // The levels here are those of a filter: 0 is off. Code asks so as not to format what is dropped anyway.
    ext_logging_max_level_version_1: () => INFO,
  };
}

/** Upstream takes the target as a string, which what is not UTF-8 cannot become; the message is bytes. */
function decodeTarget(decoder: TextDecoder, target: Uint8Array): string {
  try {
    return decoder.decode(target);
  } catch (error) {
    throw new ExecuteFailure("trap", `Cannot log: a target of ${target.length} bytes is not UTF-8`, { cause: error });
  }
}
