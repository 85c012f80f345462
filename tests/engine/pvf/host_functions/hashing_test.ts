import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { createHash } from "node:crypto";
import { hostVectors } from "../../../testdata.ts";
import { Harness, unhex, utf8 } from "./harness.ts";

const LENGTHS: Record<string, number> = {
  ext_hashing_blake2_128_version_1: 16,
  ext_hashing_blake2_256_version_1: 32,
  ext_hashing_twox_64_version_1: 8,
  ext_hashing_twox_128_version_1: 16,
};

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

Deno.test("ext_hashing_* give what a real runtime was given", () => {
  const harness = new Harness();
  let rows = 0;
  for (const [name, length] of Object.entries(LENGTHS)) {
    for (const [input = "", output = ""] of hostVectors()[name] ?? []) {
      assertEquals(`0x${harness.bytes(length, name, harness.slice(unhex(input)))}`, output);
      rows++;
    }
  }
  assertEquals(rows, 219 + 72 + 13 + 13);
});

Deno.test("ext_hashing_* give the digests of their specifications", () => {
  const harness = new Harness();
  const abc = harness.slice(utf8("abc"));
  const digests = {
    ext_hashing_keccak_256_version_1: "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    ext_hashing_keccak_512_version_1:
      "18587dc2ea106b9a1563e32b3312421ca164c7f1f07bc922a9c83d77cea3a1e5d0c69910739025372dc14ac9642629379540c17e2a65b19d77aa511a9d00bb96",
    ext_hashing_sha2_256_version_1: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ext_hashing_twox_64_version_1: "990977adf52cbc44",
    ext_hashing_twox_128_version_1: "990977adf52cbc440889329981caa9be",
    ext_hashing_twox_256_version_1: "990977adf52cbc440889329981caa9bef7da5770b2b8a05303b75d95360dd62b",
  };
  for (const [name, digest] of Object.entries(digests)) {
    assertEquals(harness.bytes(digest.length / 2, name, abc), digest, name);
  }
});

Deno.test("ext_hashing_sha2_256 agrees with node:crypto for any input", () => {
  const harness = new Harness();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
    assertEquals(harness.bytes(32, "ext_hashing_sha2_256_version_1", harness.slice(data)), sha256(data));
  }));
});

Deno.test("ext_hashing_* take data of any length", () => {
  const harness = new Harness();
  for (const length of [0, 1, 63, 64, 65, 100_000, 1 << 20]) {
    const data = new Uint8Array(length).fill(length);
    assertEquals(harness.bytes(32, "ext_hashing_sha2_256_version_1", harness.slice(data)), sha256(data));
  }
});

Deno.test("a digest is allocated, so that the code can free it", () => {
  const harness = new Harness();
  const data = harness.slice(utf8("abc"));
  const first = harness.call("ext_hashing_twox_64_version_1", data);
  harness.call("ext_allocator_free_version_1", first);
  assertEquals(harness.call("ext_hashing_twox_64_version_1", data), first);
});
