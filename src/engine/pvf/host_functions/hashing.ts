/** `ext_hashing_*`. Each takes a slice and gives back a pointer to its digest. */
import { returnBytes } from "./context.ts";
import type { HostContext, HostFunctions } from "./context.ts";

export function hashingFunctions(context: HostContext): HostFunctions {
  const { memory, crypto } = context;
  const digest8 = new Uint8Array(8);
  const digest16 = new Uint8Array(16);
  const digest32 = new Uint8Array(32);
  const digest64 = new Uint8Array(64);
  const digestOf = (hash: (data: Uint8Array) => Uint8Array) => (data: bigint) =>
    returnBytes(context, hash(memory.readSlice(data)));
  return {
    ext_hashing_blake2_128_version_1: digestOf((data) => crypto.blake2b(data, 16, digest16)),
    ext_hashing_blake2_256_version_1: digestOf((data) => crypto.blake2b(data, 32, digest32)),
    ext_hashing_twox_64_version_1: digestOf((data) => crypto.twox(data, 8, digest8)),
    ext_hashing_twox_128_version_1: digestOf((data) => crypto.twox(data, 16, digest16)),
    ext_hashing_twox_256_version_1: digestOf((data) => crypto.twox(data, 32, digest32)),
    ext_hashing_keccak_256_version_1: digestOf((data) => crypto.keccak(data, 256, digest32)),
    ext_hashing_keccak_512_version_1: digestOf((data) => crypto.keccak(data, 512, digest64)),
    ext_hashing_sha2_256_version_1: digestOf((data) => crypto.sha256(data, digest32)),
  };
}
