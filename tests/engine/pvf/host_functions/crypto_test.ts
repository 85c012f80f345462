import { assertEquals, assertThrows } from "@std/assert";
import { ExecuteFailure } from "../../../../src/engine/engine.ts";
import { hostVectors } from "../../../testdata.ts";
import { Harness, unhex, utf8 } from "./harness.ts";

const SR25519 = "ext_crypto_sr25519_verify_version_2";
const SR25519_BATCH = "ext_crypto_sr25519_batch_verify_version_1";
const ED25519 = "ext_crypto_ed25519_verify_version_1";
const ED25519_BATCH = "ext_crypto_ed25519_batch_verify_version_1";
const START = "ext_crypto_start_batch_verify_version_1";
const FINISH = "ext_crypto_finish_batch_verify_version_1";

type Signed = readonly [signature: string, message: string, publicKey: string];

/** RFC 8032, section 7.1, test 3. */
const ED25519_GOOD: Signed = [
  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  "af82",
  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
];
const ED25519_BAD: Signed = [ED25519_GOOD[0], "af83", ED25519_GOOD[2]];

function verify(harness: Harness, name: string, [signature, message, publicKey]: Signed): unknown {
  const [at, text, key] = [unhex(signature), unhex(message), unhex(publicKey)];
  return harness.call(name, harness.pointer(at), harness.slice(text), harness.pointer(key));
}

function assertTrap(work: () => unknown, message: string): void {
  const error = assertThrows(work, ExecuteFailure);
  assertEquals([error.kind, error.message], ["trap", message]);
}

Deno.test("ext_crypto_sr25519_verify gives what a real runtime was given", () => {
  const harness = new Harness();
  const rows = hostVectors()[SR25519] ?? [];
  for (const [signature = "", message = "", key = "", result] of rows) {
    assertEquals(verify(harness, SR25519, [signature, message, key]), Number(result));
  }
  assertEquals([rows.length, rows.filter((row) => Number(row[3]) === 0).length], [13, 2]);
});

Deno.test("ext_crypto_sr25519_verify refuses keys and signatures that are not points", () => {
  const harness = new Harness();
  const nonsense = ["ff".repeat(64), "00".repeat(64), "01".repeat(64)];
  for (const signature of nonsense) {
    assertEquals(verify(harness, SR25519, [signature, "", signature.slice(64)]), 0);
  }
});

Deno.test("ext_crypto_ed25519_verify takes a good signature and refuses a bad one", () => {
  const harness = new Harness();
  assertEquals(verify(harness, ED25519, ED25519_GOOD), 1);
  assertEquals(verify(harness, ED25519, ED25519_BAD), 0);
  assertEquals(verify(harness, ED25519, ["ff".repeat(64), "", "ff".repeat(32)]), 0);
});

Deno.test("finish_batch_verify tells whether all signatures since start_batch_verify were good", () => {
  const harness = new Harness();
  const [signature = "", message = "", key = ""] = hostVectors()[SR25519]?.find((row) => Number(row[3]) === 1) ?? [];
  const outcomes = [[], [ED25519_GOOD], [ED25519_GOOD, ED25519_BAD, ED25519_GOOD], [ED25519_GOOD]].map((batch) => {
    harness.call(START);
    assertEquals(verify(harness, SR25519_BATCH, [signature, message, key]), 1);
    for (const signed of batch) assertEquals(verify(harness, ED25519_BATCH, signed), Number(signed === ED25519_GOOD));
    return harness.call(FINISH);
  });
  assertEquals(outcomes, [1, 1, 0, 1]);
});

Deno.test("signatures that are not for a batch do not count for it", () => {
  const harness = new Harness();
  harness.call(START);
  verify(harness, ED25519, ED25519_BAD);
  assertEquals(harness.call(FINISH), 1);
});

Deno.test("batch_verify without a batch verifies", () => {
  const harness = new Harness();
  assertEquals(verify(harness, ED25519_BATCH, ED25519_BAD), 0);
  harness.call(START);
  assertEquals(harness.call(FINISH), 1);
});

Deno.test("a batch that is started twice or not at all is a trap", () => {
  const harness = new Harness();
  assertTrap(() => harness.call(FINISH), "Cannot finish a batch of signatures: none is open");
  harness.call(START);
  assertTrap(() => harness.call(START), "Cannot start a batch of signatures: one is open");
});

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const HASH = "01".repeat(32);
const R = 0x83a136bfec2091f03bf3b407a2b415f8ad0ee22748c97f9e52057e539ade477an;
const S = 0x2743c4addceeda661c9302f1a899fd6496c396486f309e7de766205ddb8ce177n;
/** The key 77's public key, which made the signature (R, S) with v = 1 on the hash. */
const FULL_KEY =
  "59dbf46f8c94759ba21277c33784f41645f7b44f6c596a58ce92e666191abe3ec534ad44175fbc300f4ea6ce648309a042ce739a7919798cd85e216c4a307f6e";
const COMPRESSED_KEY = `02${FULL_KEY.slice(0, 64)}`;
const RECOVER = "ext_crypto_secp256k1_ecdsa_recover_version_";
const RECOVER_COMPRESSED = "ext_crypto_secp256k1_ecdsa_recover_compressed_version_";
const [BAD_R_S, BAD_V, BAD_SIGNATURE] = ["0100", "0101", "0102"];

function recover(harness: Harness, name: string, r: bigint, s: bigint, v: number): string {
  const signature = [r, s].map((scalar) => scalar.toString(16).padStart(64, "0")).join("");
  const [at, hash] = [unhex(`${signature}${v.toString(16).padStart(2, "0")}`), unhex(HASH)];
  return harness.slicedBytes(name, harness.pointer(at), harness.pointer(hash));
}

Deno.test("secp256k1_ecdsa_recover finds the key, in both forms and versions, for both spellings of v", () => {
  const harness = new Harness();
  for (const version of [1, 2]) {
    for (const v of [1, 28]) {
      assertEquals(recover(harness, `${RECOVER}${version}`, R, S, v), `00${FULL_KEY}`);
      assertEquals(recover(harness, `${RECOVER_COMPRESSED}${version}`, R, S, v), `00${COMPRESSED_KEY}`);
    }
  }
});

Deno.test("secp256k1_ecdsa_recover finds the key where s is in the upper half", () => {
  const harness = new Harness();
  for (const version of [1, 2]) {
    assertEquals(recover(harness, `${RECOVER_COMPRESSED}${version}`, R, ORDER - S, 0), `00${COMPRESSED_KEY}`);
    assertEquals(recover(harness, `${RECOVER}${version}`, R, ORDER - S, 27), `00${FULL_KEY}`);
  }
});

Deno.test("secp256k1_ecdsa_recover refuses a v that does not exist before it looks at r and s", () => {
  const harness = new Harness();
  for (const v of [4, 26, 31, 255]) {
    assertEquals(recover(harness, `${RECOVER}2`, ORDER, ORDER, v), BAD_V);
    assertEquals(recover(harness, `${RECOVER}1`, R, S, v), BAD_V);
  }
});

Deno.test("secp256k1_ecdsa_recover takes r and s modulo the order in version 1 and refuses them in version 2", () => {
  const harness = new Harness();
  const small = recover(harness, `${RECOVER}2`, 1n, 5n, 0);
  assertEquals(small.length, 2 * 65);
  assertEquals(recover(harness, `${RECOVER}1`, 1n + ORDER, 5n + ORDER, 0), small);
  for (const [r, s] of [[1n + ORDER, 5n], [1n, 5n + ORDER], [ORDER, 5n], [1n, ORDER]] as const) {
    assertEquals(recover(harness, `${RECOVER}2`, r, s, 0), BAD_R_S);
    assertEquals(recover(harness, `${RECOVER_COMPRESSED}2`, r, s, 0), BAD_R_S);
  }
  assertEquals(recover(harness, `${RECOVER}1`, ORDER, 5n, 0), BAD_SIGNATURE);
});

Deno.test("secp256k1_ecdsa_recover refuses a signature that is nobody's, as often as it is asked", () => {
  const harness = new Harness();
  // 0 is no point, 5 is not the x of one, and with v = 2 x is r plus the order, which for R is over the field's size.
  for (const [r, s, v] of [[0n, 5n, 0], [1n, 0n, 0], [5n, 5n, 0], [R, S, 2]] as const) {
    for (const name of [`${RECOVER}1`, `${RECOVER}2`, `${RECOVER_COMPRESSED}1`, `${RECOVER_COMPRESSED}2`]) {
      assertEquals(recover(harness, name, r, s, v), BAD_SIGNATURE);
    }
  }
  assertEquals(recover(harness, `${RECOVER}2`, R, S, 1), `00${FULL_KEY}`);
  assertEquals(harness.bytes(32, "ext_hashing_sha2_256_version_1", harness.slice(utf8("abc"))).slice(0, 8), "ba7816bf");
});
