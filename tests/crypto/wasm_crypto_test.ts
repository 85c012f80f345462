import { assertEquals, assertStrictEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { createHash } from "node:crypto";
import { loadCryptoWasm } from "../../src/crypto/load.ts";
import { deno, resolutionFlags } from "../it/deno_process.ts";
import { WasmCrypto, WasmCryptoError } from "../../src/crypto/wasm_crypto.ts";

const ABC = new TextEncoder().encode("abc");
const crypto = new WasmCrypto(await loadCryptoWasm());

function hex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(digits);
}

Deno.test("WasmCrypto gives the digests of the hash functions' specifications", () => {
  const digests = [
    [crypto.blake2b(ABC, 16), "cf4ab791c62b8d2b2109c90275287816"],
    [crypto.blake2b(ABC, 32), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"],
    [crypto.twox(ABC, 8), "990977adf52cbc44"],
    [crypto.twox(ABC, 16), "990977adf52cbc440889329981caa9be"],
    [crypto.twox(ABC, 32), "990977adf52cbc440889329981caa9bef7da5770b2b8a05303b75d95360dd62b"],
    [crypto.keccak(ABC, 256), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"],
    [
      crypto.keccak(ABC, 512),
      "18587dc2ea106b9a1563e32b3312421ca164c7f1f07bc922a9c83d77cea3a1e5d0c69910739025372dc14ac9642629379540c17e2a65b19d77aa511a9d00bb96",
    ],
    [crypto.sha256(ABC), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ] as const;
  for (const [digest, wanted] of digests) assertEquals(digest.toHex(), wanted);
});

Deno.test("WasmCrypto hashes data of any length as node:crypto does", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1000 }), (data) => {
    assertEquals(crypto.sha256(data).toHex(), createHash("sha256").update(data).digest("hex"));
    assertEquals(crypto.sha512(data).toHex(), createHash("sha512").update(data).digest("hex"));
  }));
  const large = new Uint8Array(8 << 20).fill(1);
  assertEquals(crypto.sha256(large).toHex(), createHash("sha256").update(large).digest("hex"));
});

Deno.test("WasmCrypto writes a digest to the array that it is given", () => {
  const target = new Uint8Array(16);
  assertStrictEquals(crypto.twox(ABC, 16, target), target);
  assertEquals(target.toHex(), "990977adf52cbc440889329981caa9be");
});

Deno.test("WasmCrypto gives every digest an array of its own otherwise", () => {
  const [first, second] = [crypto.sha256(ABC), crypto.sha256(new Uint8Array())];
  assertEquals(first.toHex().slice(0, 8), "ba7816bf");
  assertEquals(second.toHex().slice(0, 8), "e3b0c442");
  assertEquals(first.buffer.byteLength, 32);
});

Deno.test("secp256k1Recover() finds a key, or none, as often as it is asked", () => {
  const hash = new Uint8Array(32).fill(1);
  const good = hex(
    "83a136bfec2091f03bf3b407a2b415f8ad0ee22748c97f9e52057e539ade477a2743c4addceeda661c9302f1a899fd6496c396486f309e7de766205ddb8ce177",
  );
  const key = "0259dbf46f8c94759ba21277c33784f41645f7b44f6c596a58ce92e666191abe3e";
  for (let round = 0; round < 50; round++) {
    assertEquals(crypto.secp256k1Recover(hash, new Uint8Array(64), 0), undefined);
    assertEquals(crypto.secp256k1Recover(hash, good, 1)?.toHex(), key);
  }
});

Deno.test("secp256k1Expand() gives the full form of a key", () => {
  const full =
    "0459dbf46f8c94759ba21277c33784f41645f7b44f6c596a58ce92e666191abe3ec534ad44175fbc300f4ea6ce648309a042ce739a7919798cd85e216c4a307f6e";
  assertEquals(crypto.secp256k1Expand(hex(`02${full.slice(2, 66)}`)).toHex(), full);
});

Deno.test("a stack that is full in the middle of a call leaves no damage", () => {
  const hash = new Uint8Array(32).fill(1);
  let full: RangeError | undefined;
  function exhaust(): void {
    const calls = [exhaust, () => crypto.sha256(ABC), () => crypto.secp256k1Recover(hash, new Uint8Array(64), 0)];
    // On its way back every level tries again, with a little more of the stack to spend.
    for (const call of calls) {
      try {
        call();
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        full = error;
      }
    }
  }
  exhaust();
  assertStringIncludes(full?.message ?? "", "call stack");
  assertEquals(crypto.sha256(ABC).toHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

Deno.test("a failure of the module is an error of its own, after which it works again", () => {
  const noKey = new Uint8Array(33);
  assertThrows(() => crypto.secp256k1Expand(noKey), WasmCryptoError, "The crypto module failed: unreachable");
  assertEquals(crypto.sha256(ABC).toHex().slice(0, 8), "ba7816bf");
});

Deno.test("memory that is short is never taken for a signature that is bad, nor does an earlier hash matter", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  const module = (path: string): string => new URL(`../../src/crypto/${path}`, import.meta.url).href;
  await Deno.writeTextFile(
    `${directory}/main.ts`,
    `
    import { loadCryptoWasm } from "${module("load.ts")}";
    import { WasmCrypto } from "${module("wasm_crypto.ts")}";
    const crypto = new WasmCrypto(await loadCryptoWasm());
    const attempt = (work: () => unknown) => { try { return String(work()); } catch (error) { return (error as Error).name; } };
    const recover = () => attempt(() => crypto.secp256k1Recover(new Uint8Array(32).fill(1), new Uint8Array(64).fill(1), 0)?.length);
    const hash = (mib: number) => attempt(() => crypto.sha256(new Uint8Array(mib * 2 ** 20)).length);
    console.log([recover(), hash(1), hash(3), hash(5), hash(3), recover()].join(" "));
    `,
  );
  const run = async (pages: number): Promise<string> => {
    const flags = ["--no-check", ...resolutionFlags(), `--v8-flags=--wasm-max-mem-pages=${pages}`];
    const { stdout, stderr } = await deno(["run", "--allow-read", ...flags, `${directory}/main.ts`]);
    return stdout.trim() || stderr;
  };
  assertEquals(
    await run(24),
    "WasmCryptoError WasmCryptoError WasmCryptoError WasmCryptoError WasmCryptoError WasmCryptoError",
  );
  assertEquals(await run(90), "33 32 32 WasmCryptoError 32 33");
  assertEquals(await run(4096), "33 32 32 32 32 33");
  await Deno.remove(directory, { recursive: true });
});
