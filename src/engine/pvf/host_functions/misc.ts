/** `ext_misc_*`: what is left of them without a chain, printing to the log. */
import { type HostContext, type HostFunctions, start } from "./context.ts";

const TARGET = "runtime";
const DEBUG = 4;

export function miscFunctions({ memory, log }: HostContext): HostFunctions {
  const decoder = new TextDecoder();
  return {
    ext_misc_print_utf8_version_1: (text: bigint) =>
      log.add(DEBUG, TARGET, decoder.decode(start(memory.readSlice(text)))),
    ext_misc_print_hex_version_1: (data: bigint) => log.add(DEBUG, TARGET, start(memory.readSlice(data)).toHex()),
    ext_misc_print_num_version_1: (value: bigint) => log.add(DEBUG, TARGET, `${BigInt.asUintN(64, value)}`),
  };
}
