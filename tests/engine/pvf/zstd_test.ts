import { assertEquals, assertLess, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { constants, zstdCompressSync } from "node:zlib";
import { decompress, DecompressionError } from "../../../src/engine/pvf/zstd.ts";

const TEXT = new TextEncoder().encode("a PVF is a parachain validation function. ".repeat(20));
const CHECKSUM = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const NO_CONTENT_SIZE = { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } };
/** A frame that holds no data, of five bytes. */
const SKIPPABLE = Uint8Array.of(0x5c, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5);

function frame(data: Uint8Array, options = {}): Uint8Array {
  return Uint8Array.from(zstdCompressSync(data, options));
}

function joined(...pieces: Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

function isDecompressionError(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    return error instanceof DecompressionError;
  }
}

Deno.test("decompress() gives back what was compressed, with and without checksum and content size", () => {
  for (const options of [{}, CHECKSUM, NO_CONTENT_SIZE]) {
    assertEquals(decompress(frame(TEXT, options), TEXT.length), TEXT);
  }
});

Deno.test("decompress() joins frames and skips those without data", () => {
  const input = joined(SKIPPABLE, frame(TEXT), SKIPPABLE, frame(new Uint8Array()), frame(TEXT, CHECKSUM));
  assertEquals(decompress(input, 2 * TEXT.length), joined(TEXT, TEXT));
});

Deno.test("decompress() handles data of every kind of block", () => {
  const random = crypto.getRandomValues(new Uint8Array(300_000).subarray(0, 65536));
  for (const data of [new Uint8Array(300_000), random, joined(random, new Uint8Array(200_000), TEXT)]) {
    assertEquals(decompress(frame(data), data.length), data);
  }
});

Deno.test("decompress() refuses 0 bytes", () => {
  assertThrows(
    () => decompress(new Uint8Array(), 10),
    DecompressionError,
    "Cannot decompress 0 bytes: a zstd frame wanted",
  );
});

Deno.test("decompress() refuses a frame that is cut off anywhere", () => {
  for (const whole of [frame(TEXT), frame(TEXT, CHECKSUM), frame(TEXT, NO_CONTENT_SIZE), SKIPPABLE]) {
    for (let length = 1; length < whole.length; length++) {
      assertThrows(() => decompress(whole.subarray(0, length), TEXT.length), DecompressionError, "left");
    }
  }
});

Deno.test("decompress() refuses bytes after the last frame", () => {
  const whole = frame(TEXT);
  const error = assertThrows(() => decompress(joined(whole, Uint8Array.of(1, 2, 3, 4)), 1000), DecompressionError);
  assertEquals(
    error.message,
    `Cannot decompress the bytes at offset ${whole.length}: magic number 0x04030201 found, 0xfd2fb528 wanted`,
  );
  assertThrows(() => decompress(joined(whole, Uint8Array.of(0)), 1000), DecompressionError, "magic number");
});

Deno.test("decompress() refuses a reserved block type", () => {
  const input = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 0b111, 0, 0);
  assertThrows(() => decompress(input, 10), DecompressionError, "block type 3 found, 0 to 2 wanted");
});

Deno.test("decompress() refuses data that does not match its checksum", () => {
  const damaged = frame(TEXT, CHECKSUM);
  damaged[damaged.length - 1] = ~(damaged.at(-1) ?? 0);
  assertThrows(() => decompress(damaged, TEXT.length), DecompressionError, "Cannot decompress a frame of");
});

Deno.test("decompress() takes exactly the limit and not a byte more, over all frames", () => {
  const twice = joined(frame(TEXT), frame(TEXT));
  assertEquals(decompress(twice, 2 * TEXT.length).length, 2 * TEXT.length);
  for (const limit of [2 * TEXT.length - 1, TEXT.length, TEXT.length - 1, 1, 0]) {
    assertThrows(
      () => decompress(twice, limit),
      DecompressionError,
      `Cannot decompress to more than the limit of ${limit} bytes`,
    );
  }
});

Deno.test("decompress() takes an empty frame where nothing is left of the limit", () => {
  assertEquals(decompress(frame(new Uint8Array()), 0), new Uint8Array());
});

Deno.test("decompress() throws nothing but its own error for arbitrary and for damaged input", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (input) => isDecompressionError(() => decompress(input, 1000))),
  );
  const whole = joined(frame(TEXT, CHECKSUM), SKIPPABLE, frame(TEXT));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
      const damaged = whole.slice();
      for (const [at, byte] of changes) damaged[at] = byte;
      return isDecompressionError(() => decompress(damaged, 10_000));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("decompress() takes memory for what many small frames give, and not for each of them a lot", () => {
  // A frame of one raw block of one byte, 20,000 times.
  const small = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 9, 0, 0, 42);
  const input = new Uint8Array(20_000 * small.length);
  for (let index = 0; index < 20_000; index++) input.set(small, index * small.length);
  const before = Deno.memoryUsage().external;
  const output = decompress(input, 20_000);
  assertEquals(output, new Uint8Array(20_000).fill(42));
  const grown = Deno.memoryUsage().external - before;
  // At 16 KiB for each it would be 320 MB.
  assertLess(grown, 64 * 2 ** 20);
});
