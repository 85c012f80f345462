/** The failure of code that uses more than it may. */
import { PrepareFailure } from "../engine.ts";

/** The failure of code that uses the extension `name` of WebAssembly at `offset`. */
export function extension(name: string, offset: number): PrepareFailure {
  const problem = `it uses an extension of WebAssembly at offset ${offset} (${name}), WebAssembly 1.0 wanted`;
  return new PrepareFailure("prevalidation", `Cannot use the module as a PVF: ${problem}`);
}
