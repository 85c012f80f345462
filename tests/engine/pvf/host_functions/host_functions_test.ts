import { assertEquals, assertThrows } from "@std/assert";
import { ExecuteFailure } from "../../../../src/engine/engine.ts";
import { hostFunctions, linkFunctions } from "../../../../src/engine/pvf/host_functions/host_functions.ts";
import { SIGNATURES } from "../../../../src/engine/pvf/host_functions/signatures.ts";
import { Harness } from "./harness.ts";

const { memory, allocator, crypto } = new Harness();
const CONTEXT = { memory, allocator, crypto, log: { add: () => {} } };

function assertCallFails(name: string, kind: string, message: string): void {
  const linked = linkFunctions([name], CONTEXT);
  assertEquals(Object.keys(linked), [name]);
  const error = assertThrows(() => linked[name]?.(), ExecuteFailure);
  assertEquals([error.kind, error.message], [kind, message]);
}

Deno.test("every host function has a signature, and every signature a host function", () => {
  assertEquals(Object.keys(hostFunctions(CONTEXT)).sort(), [...SIGNATURES.keys()].sort());
});

Deno.test("linkFunctions() gives what is asked for and no more", () => {
  const names = ["ext_allocator_malloc_version_1", "ext_hashing_twox_64_version_1"];
  assertEquals(Object.keys(linkFunctions(names, CONTEXT)), names);
});

Deno.test("calling what no PVF host offers is a trap", () => {
  const names = [
    "ext_storage_get_version_1",
    "ext_default_child_storage_root_version_2",
    "ext_offchain_index_set_version_1",
    "ext_crypto_sr25519_generate_version_1",
    "ext_crypto_ecdsa_sign_version_1",
    "ext_crypto_ecdsa_sign_prehashed_version_1",
    "ext_crypto_ed25519_public_keys_version_1",
    "ext_transaction_index_index_version_1",
    "constructor",
    "",
  ];
  for (const name of names) assertCallFails(name, "trap", `host function ${name} is not offered to a PVF`);
});

Deno.test("calling what other PVF hosts offer and this one lacks is not held against the code", () => {
  const names = [
    "ext_misc_runtime_version_version_1",
    "ext_crypto_ecdsa_verify_version_2",
    "ext_crypto_sr25519_verify_version_1",
    "ext_trie_keccak_256_root_version_2",
    "ext_input_read_version_1",
    "ext_trie_blake2_256_verify_proof_version_1",
  ];
  for (const name of names) assertCallFails(name, "unsupported", `host function ${name} is not supported`);
});

Deno.test("a name that only looks like one of upstream's is held against the code", () => {
  for (
    const name of ["ext_hashing_blake2_256_version_2", "ext_crypto_made_up_version_1", "ext_logging_log_version_9"]
  ) {
    assertCallFails(name, "trap", `host function ${name} is not offered to a PVF`);
  }
});

Deno.test("linkFunctions() links a name that objects have of themselves", () => {
  const linked = linkFunctions(["__proto__"], CONTEXT);
  assertEquals(Object.keys(linked), ["__proto__"]);
});
