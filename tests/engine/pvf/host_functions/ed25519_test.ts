import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { WasmCrypto } from "../../../../src/crypto/wasm_crypto.ts";
import { verifyEd25519 } from "../../../../src/engine/pvf/host_functions/ed25519.ts";
import { unhex, utf8 } from "./harness.ts";
import { wasmBytes } from "../../../testdata.ts";

const P = 2n ** 255n - 19n;
const SIGN = 2n ** 255n;
/** The y of the points of order 8. */
const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
/** Every encoding of a point whose order divides 8, also those with a y over the field's size or a sign for x = 0. */
const SMALL_ORDER = [0n, 1n, P - 1n, P, P + 1n, Y8, P - Y8].flatMap((y) => [littleEndian(y), littleEndian(y + SIGN)]);

const crypto = new WasmCrypto(wasmBytes);

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.fromHex(value.toString(16).padStart(64, "0")).reverse();
}

Deno.test("verifyEd25519() takes every pair of points of small order with s = 0, as ZIP-215 demands", () => {
  assertEquals(new Set(SMALL_ORDER.map((point) => point.toHex())).size, 14);
  for (const key of SMALL_ORDER) {
    for (const point of SMALL_ORDER) {
      const signature = Uint8Array.of(...point, ...new Uint8Array(32));
      assertEquals(verifyEd25519(crypto, signature, utf8("Zcash"), key), true, `${key.toHex()} ${point.toHex()}`);
    }
  }
});

Deno.test("verifyEd25519() takes signatures of a key with a part of small order", () => {
  const key = unhex("8399b28fee8b3b2c7d668990fc6884ec3ff12488a18560adf1bbc56b7bbfe942");
  const r = "684c0d53ab44de46d526ab4d33b5947bab9d77af687fe0a09518a5f6df4a86eb";
  // For message 0 the strict equation fails, for message 5 it happens to hold.
  const s = {
    0: "1b963a145bc0fc5d94ddbde095dce8a25623adf4b3473e6d4dffcb219efeae04",
    5: "9f4c04d6cf4f77b7a66ef976a405e490de64cc5a8da3f6b2d44ebea6ce4f3106",
  };
  for (const [message, scalar] of Object.entries(s)) {
    const signature = unhex(r + scalar);
    assertEquals(crypto.ed25519Verify(signature, Uint8Array.of(Number(message)), key), message === "5");
    assertEquals(verifyEd25519(crypto, signature, Uint8Array.of(Number(message)), key), true);
    assertEquals(verifyEd25519(crypto, signature, Uint8Array.of(9), key), false);
  }
});

Deno.test("verifyEd25519() refuses an s of the group's order or more", () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const identity = littleEndian(1n);
  const withS = (s: bigint) => Uint8Array.of(...identity, ...littleEndian(s));
  assertEquals(verifyEd25519(crypto, withS(0n), utf8(""), identity), true);
  assertEquals(verifyEd25519(crypto, withS(order), utf8(""), identity), false);
});

Deno.test("verifyEd25519() refuses what is not a point", () => {
  const identity = littleEndian(1n);
  const noPoint = littleEndian(2n);
  assertEquals(verifyEd25519(crypto, Uint8Array.of(...noPoint, ...new Uint8Array(32)), utf8(""), identity), false);
  assertEquals(verifyEd25519(crypto, Uint8Array.of(...identity, ...new Uint8Array(32)), utf8(""), noPoint), false);
});

Deno.test("verifyEd25519() agrees with WebCrypto about signatures that are good and about damaged ones", async () => {
  const keys = await globalThis.crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]) as CryptoKeyPair;
  const publicKey = new Uint8Array(await globalThis.crypto.subtle.exportKey("raw", keys.publicKey));
  const inputs = fc.tuple(fc.uint8Array({ maxLength: 100 }), fc.nat(63), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(inputs, async ([message, at, change]) => {
      const signed = await globalThis.crypto.subtle.sign("Ed25519", keys.privateKey, message as BufferSource);
      const signature = new Uint8Array(signed);
      assertEquals(verifyEd25519(crypto, signature, message, publicKey), true);
      signature[at] = (signature[at] ?? 0) ^ change;
      assertEquals(verifyEd25519(crypto, signature, message, publicKey), false);
    }),
    { numRuns: 30 },
  );
});
