/** What it means that running code threw. */
import { WasmCryptoError } from "../../crypto/wasm_crypto.ts";
import { ExecuteFailure } from "../engine.ts";

/**
 * What to throw in place of `error`, which ended a call into code: an {@linkcode ExecuteFailure} for what is known, else the error
 * itself. `panic` is what the code gave as its reason.
 */
export function callFailure(error: unknown, panic: string | undefined): unknown {
  if (error instanceof WebAssembly.RuntimeError) {
    const reason = panic === undefined ? "" : `: ${panic}`;
    return new ExecuteFailure("trap", `wasm trap: ${error.message}${reason}`, { cause: error });
  }
  return resourceFailure(error) ?? error;
}

/** What to throw in place of `error`, which came of making an instance. */
export function constructionFailure(error: unknown): unknown {
  if (error instanceof WebAssembly.RuntimeError || error instanceof WebAssembly.LinkError) {
    return new ExecuteFailure("runtime-construction", `Cannot instantiate the module: ${error.message}`, {
      cause: error,
    });
  }
  return resourceFailure(error) ?? error;
}

/** The failure of a machine that has no more to give, if it is one. */
export function resourceFailure(error: unknown): ExecuteFailure | undefined {
  if (error instanceof WasmCryptoError) return new ExecuteFailure("resources", error.message, { cause: error });
  if (!(error instanceof RangeError)) return undefined;
  // Polkadot's limit counts values on a logical stack, this one counts bytes: code within the one may exceed the other.
  if (/call stack/i.test(error.message)) {
    return new ExecuteFailure("resources", `native stack exhausted: ${error.message}`, { cause: error });
  }
  if (!/alloc|out of memory/i.test(error.message)) return undefined;
  return new ExecuteFailure("resources", `Cannot allocate memory: ${error.message}`, { cause: error });
}
