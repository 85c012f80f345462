/** What a module gets for its imports. */
import { ExecuteFailure } from "../../engine.ts";
import { allocationFunctions } from "./allocation.ts";
import type { HostContext, HostFunctions } from "./context.ts";
import { cryptoFunctions } from "./crypto.ts";
import { hashingFunctions } from "./hashing.ts";
import { loggingFunctions } from "./logging.ts";
import { miscFunctions } from "./misc.ts";
import { trieFunctions } from "./trie.ts";

/**
 * What upstream offers and this engine lacks. These are named one by one: code that could make up a name of this kind could make itself
 * this host's fault.
 */
const MISSING: ReadonlySet<string> = new Set([
  "ext_crypto_ecdsa_batch_verify_version_1",
  "ext_crypto_ecdsa_verify_prehashed_version_1",
  "ext_crypto_ecdsa_verify_version_1",
  "ext_crypto_ecdsa_verify_version_2",
  "ext_crypto_sr25519_verify_version_1",
  "ext_input_read_version_1",
  "ext_misc_runtime_version_version_1",
  "ext_trie_blake2_256_verify_proof_version_1",
  "ext_trie_blake2_256_verify_proof_version_2",
  "ext_trie_keccak_256_ordered_root_version_1",
  "ext_trie_keccak_256_ordered_root_version_2",
  "ext_trie_keccak_256_root_version_1",
  "ext_trie_keccak_256_root_version_2",
  "ext_trie_keccak_256_verify_proof_version_1",
  "ext_trie_keccak_256_verify_proof_version_2",
]);

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
    if (MISSING.has(name)) throw new ExecuteFailure("unsupported", `host function ${name} is not supported`);
    throw new ExecuteFailure("trap", `host function ${name} is not offered to a PVF`);
  };
}
