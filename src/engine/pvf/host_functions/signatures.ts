/** The types of the host functions that this engine has. */

const DIGEST = "(i64) -> i32";
const VERIFY = "(i32, i64, i32) -> i32";
const RECOVER = "(i32, i32) -> i64";
const PRINT = "(i64) -> ()";

/** The type of each function, by name. An import of another type cannot be linked. */
export const SIGNATURES: ReadonlyMap<string, string> = new Map(Object.entries({
  ext_allocator_malloc_version_1: "(i32) -> i32",
  ext_allocator_free_version_1: "(i32) -> ()",
  ext_crypto_ed25519_batch_verify_version_1: VERIFY,
  ext_crypto_ed25519_verify_version_1: VERIFY,
  ext_crypto_finish_batch_verify_version_1: "() -> i32",
  ext_crypto_secp256k1_ecdsa_recover_compressed_version_1: RECOVER,
  ext_crypto_secp256k1_ecdsa_recover_compressed_version_2: RECOVER,
  ext_crypto_secp256k1_ecdsa_recover_version_1: RECOVER,
  ext_crypto_secp256k1_ecdsa_recover_version_2: RECOVER,
  ext_crypto_sr25519_batch_verify_version_1: VERIFY,
  ext_crypto_sr25519_verify_version_2: VERIFY,
  ext_crypto_start_batch_verify_version_1: "() -> ()",
  ext_hashing_blake2_128_version_1: DIGEST,
  ext_hashing_blake2_256_version_1: DIGEST,
  ext_hashing_keccak_256_version_1: DIGEST,
  ext_hashing_keccak_512_version_1: DIGEST,
  ext_hashing_sha2_256_version_1: DIGEST,
  ext_hashing_twox_128_version_1: DIGEST,
  ext_hashing_twox_256_version_1: DIGEST,
  ext_hashing_twox_64_version_1: DIGEST,
  ext_logging_log_version_1: "(i32, i64, i64) -> ()",
  ext_logging_max_level_version_1: "() -> i32",
  ext_misc_print_hex_version_1: PRINT,
  ext_misc_print_num_version_1: PRINT,
  ext_misc_print_utf8_version_1: PRINT,
  ext_trie_blake2_256_ordered_root_version_1: DIGEST,
  ext_trie_blake2_256_ordered_root_version_2: "(i64, i32) -> i32",
  ext_trie_blake2_256_root_version_1: DIGEST,
  ext_trie_blake2_256_root_version_2: "(i64, i32) -> i32",
}));
