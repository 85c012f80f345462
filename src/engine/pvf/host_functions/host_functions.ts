/** What a module gets for its imports. */
import { ExecuteFailure } from "../../engine.ts";
import { allocationFunctions } from "./allocation.ts";
import type { HostContext, HostFunctions } from "./context.ts";
import { cryptoFunctions } from "./crypto.ts";
import { hashingFunctions } from "./hashing.ts";
import { loggingFunctions } from "./logging.ts";
import { miscFunctions } from "./misc.ts";
import { trieFunctions } from "./trie.ts";

/** What a PVF host offers, in some version; what of it is not here is missing, not forbidden. */
const OFFERED = /^ext_(misc|crypto|hashing|allocator|logging|trie|input)_/;
/** What needs a key store, which no PVF host has. */
const NEEDS_KEY_STORE = /^ext_crypto_\w+_(generate|sign|public_keys|sign_prehashed)_/;

/** All functions that this engine has. */
export function hostFunctions(context: HostContext): HostFunctions {
  return {
    ...allocationFunctions(context),
    ...cryptoFunctions(context),
    ...hashingFunctions(context),
    ...loggingFunctions(context),
    ...miscFunctions(context),
    ...trieFunctions(context),
  };
}

/** A function for each of `names`. Calling one that does not exist throws `ExecuteFailure`; linking it does not, as upstream. */
export function linkFunctions(names: Iterable<string>, context: HostContext): HostFunctions {
  const all = new Map(Object.entries(hostFunctions(context)));
  return Object.fromEntries(Array.from(names, (name) => [name, all.get(name) ?? missingFunction(name)]));
}

function missingFunction(name: string): () => never {
  return () => {
    if (OFFERED.test(name) && !NEEDS_KEY_STORE.test(name)) {
      throw new ExecuteFailure("unsupported", `host function ${name} is not supported`);
    }
    throw new ExecuteFailure("trap", `host function ${name} is not offered to a PVF`);
  };
}
