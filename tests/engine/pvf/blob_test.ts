import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { zstdCompressSync } from "node:zlib";
import { decompressBlockData, decompressCode } from "../../../src/engine/pvf/blob.ts";
import { DecompressionError } from "../../../src/engine/pvf/zstd.ts";
import { caseParams, pvfCode, testFile } from "../../testdata.ts";

const DATA = new TextEncoder().encode("block data or code ".repeat(10));
const LIMIT = 1000;

function compressed(lastMagicByte: number, data: Uint8Array = DATA): Uint8Array {
  return Uint8Array.of(0x52, 0xbc, 0x53, 0x76, 0x46, 0xdb, 0x8e, lastMagicByte, ...zstdCompressSync(data));
}

function sha256(data: Uint8Array): Promise<string> {
  return crypto.subtle.digest("SHA-256", data as BufferSource).then((digest) => new Uint8Array(digest).toHex());
}

Deno.test("decompressCode() decompresses code of both magics", () => {
  assertEquals(decompressCode(compressed(5), LIMIT), DATA);
  assertEquals(decompressCode(compressed(7), LIMIT), DATA);
});

Deno.test("decompressCode() decompresses a real PVF", async () => {
  const code = decompressCode(await pvfCode(), 12 << 20);
  assertEquals(code.length, 2_481_751);
  assertEquals(await sha256(code), "cc38dcc207f356ce78997b4d0b55c23176fcbbbf09753ab781f9223e30a7f3ce");
});

Deno.test("decompressCode() gives back code without a magic as it is", () => {
  for (const blob of [DATA, new Uint8Array(), compressed(9), compressed(4), compressed(5).subarray(0, 7)]) {
    assertStrictEquals(decompressCode(blob, LIMIT), blob);
  }
});

Deno.test("decompressCode() refuses a PoV", () => {
  assertThrows(
    () => decompressCode(compressed(6), LIMIT),
    DecompressionError,
    "Cannot use the code: compressed block data found, compressed code wanted",
  );
});

Deno.test("decompressCode() refuses PolkaVM code, compressed or not", () => {
  for (const blob of [compressed(8), new TextEncoder().encode("PVM\0...")]) {
    assertThrows(() => decompressCode(blob, LIMIT), DecompressionError, "PolkaVM code found, which is not supported");
  }
});

Deno.test("decompressCode() limits code that is not compressed too", () => {
  assertEquals(decompressCode(DATA, DATA.length), DATA);
  assertThrows(
    () => decompressCode(DATA, DATA.length - 1),
    DecompressionError,
    "Cannot use code of 190 bytes: at most 189 bytes wanted",
  );
  assertThrows(() => decompressCode(compressed(5), DATA.length - 1), DecompressionError, "the limit of 189 bytes");
});

Deno.test("decompressBlockData() decompresses PoVs of both magics", () => {
  assertEquals(decompressBlockData(compressed(5), LIMIT), DATA);
  assertEquals(decompressBlockData(compressed(6), LIMIT), DATA);
});

Deno.test("decompressBlockData() gives back block data without a magic as it is, of any length", () => {
  for (const blob of [DATA, new Uint8Array(), compressed(9)]) assertStrictEquals(decompressBlockData(blob, 1), blob);
});

Deno.test("decompressBlockData() refuses code", () => {
  assertThrows(
    () => decompressBlockData(compressed(7), LIMIT),
    DecompressionError,
    "compressed WebAssembly code found",
  );
  assertThrows(() => decompressBlockData(compressed(8), LIMIT), DecompressionError, "compressed PolkaVM code found");
});

Deno.test("decompressBlockData() treats the compressed PoVs of the test data as their index says", () => {
  const index: { file: string; expect?: "error"; decompressed_bytes?: number }[] = JSON.parse(
    new TextDecoder().decode(testFile("pov_compressed/index.json")),
  );
  const params = caseParams("v01_block1_remark");
  for (const { file, expect, decompressed_bytes } of index) {
    const blob = testFile(`pov_compressed/${file}`);
    if (expect === "error") {
      assertThrows(() => decompressBlockData(blob, 20 << 20), DecompressionError);
      continue;
    }
    const blockData = decompressBlockData(blob, 20 << 20);
    assertEquals(blockData.length, decompressed_bytes);
    assertEquals(blockData, params.subarray(-36 - blockData.length, -36));
  }
});

Deno.test("decompressBlockData() takes a bomb of one byte over the limit if the limit is a byte higher", () => {
  const bomb = testFile("pov_compressed/bad_bomb_20MiB_plus_1.bin");
  assertEquals(decompressBlockData(bomb, (20 << 20) + 1).length, (20 << 20) + 1);
  assertThrows(() => decompressBlockData(bomb, 20 << 20), DecompressionError, "the limit of 20971520 bytes");
});
