import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import * as peer from "scale-ts";
import {
  bool,
  bytes,
  type Codec,
  compactU32,
  decode,
  encode,
  fixedBytes,
  names,
  option,
  ScaleError,
  struct,
  text,
  u32,
  u64,
  u8,
  variants,
  vec,
} from "../../src/protocol/scale.ts";

const anyBytes = fc.uint8Array({ maxLength: 100 });
const anyU32 = fc.nat(2 ** 32 - 1);

/** Checks that a codec and its counterpart in scale-ts write the same bytes, and that both read them. */
function assertAgrees<T>(codec: Codec<T>, other: peer.Codec<T>, values: fc.Arbitrary<T>): void {
  fc.assert(fc.property(values, (value) => {
    const encoded = encode(codec, value);
    assertEquals(encoded, other.enc(value));
    assertEquals(decode(codec, encoded, "it"), value);
  }));
}

Deno.test("numbers are written as scale-ts writes them", () => {
  assertAgrees(u8, peer.u8, fc.nat(255));
  assertAgrees(u32, peer.u32, anyU32);
  fc.assert(fc.property(fc.maxSafeNat(), (value) => {
    assertEquals(encode(u64, value), peer.u64.enc(BigInt(value)));
    assertEquals(decode(u64, peer.u64.enc(BigInt(value)), "it"), value);
  }));
});

Deno.test("truth values are written as scale-ts writes them", () => {
  assertAgrees(bool, peer.bool, fc.boolean());
});

Deno.test("compact lengths are written as scale-ts writes them", () => {
  const edges = [0, 63, 64, 16383, 16384, 2 ** 30 - 1, 2 ** 30, 2 ** 32 - 1];
  const compact = peer.createCodec<number>(
    (value) => peer.compact.enc(value),
    (data) => Number(peer.compact.dec(data)),
  );
  assertAgrees(compactU32, compact, fc.oneof(anyU32, fc.nat(70_000), fc.constantFrom(...edges)));
});

Deno.test("compounds are written as scale-ts writes them", () => {
  assertAgrees(text(2 ** 20), peer.str, fc.string({ unit: "grapheme" }));
  assertAgrees(bytes, peer.Bytes(), anyBytes);
  assertAgrees(fixedBytes(32), peer.Bytes(32), fc.uint8Array({ minLength: 32, maxLength: 32 }));
  assertAgrees(vec(u32), peer.Vector(peer.u32), fc.array(anyU32));
  assertAgrees(option(bytes), peer.Option(peer.Bytes()), fc.option(anyBytes, { nil: undefined }));
  assertAgrees(
    struct<{ a: number; b: Uint8Array[] }>({ a: u32, b: vec(bytes) }),
    peer.Struct({ a: peer.u32, b: peer.Vector(peer.Bytes()) }),
    fc.record({ a: anyU32, b: fc.array(anyBytes) }, { noNullPrototype: true }),
  );
});

Deno.test("variants are written as scale-ts writes an enum", () => {
  type Shape = { kind: "none" } | { kind: "some"; size: number };
  const shape = variants<Shape>({ none: struct({}), some: struct({ size: u32 }) });
  const other = peer.Enum({ none: peer._void, some: peer.Struct({ size: peer.u32 }) });
  assertEquals(encode(shape, { kind: "none" }), other.enc({ tag: "none", value: undefined }));
  assertEquals(encode(shape, { kind: "some", size: 7 }), other.enc({ tag: "some", value: { size: 7 } }));
  assertEquals(decode(shape, Uint8Array.of(1, 7, 0, 0, 0), "it"), { kind: "some", size: 7 });
  assertEquals(decode(names("red", "green"), Uint8Array.of(1), "it"), "green");
});

Deno.test("decode() refuses what is cut off, left over, unknown or not in its shortest form", () => {
  const refused = [
    [u32, [1, 2, 3], "Cannot decode it: 4 bytes wanted at offset 0, 3 left"],
    [u8, [1, 2], "Cannot decode it: 1 bytes left over after offset 1"],
    [u64, [255, 255, 255, 255, 255, 255, 255, 255], "Cannot decode it: 18446744073709551615 is over 2^53 - 1"],
    [bytes, [8, 1], "Cannot decode it: 2 bytes wanted at offset 1, 1 left"],
    [bool, [2], "Cannot decode it: unknown tag 2, 0 or 1 wanted"],
    [bool, [], "Cannot decode it: 1 bytes wanted at offset 0, 0 left"],
    [vec(u8), [12, 1], "Cannot decode it: 3 items announced, 1 bytes left"],
    [option(u8), [2, 0], "Cannot decode it: unknown tag 2, 0 or 1 wanted"],
    [names("red", "green"), [2], "Cannot decode it: unknown tag 2, 0 to 1 wanted"],
    [text(8), [4, 255], "Cannot decode it: 1 bytes are not UTF-8"],
    [compactU32, [1, 0], "Cannot decode it: the compact length 0 is not in its shortest form"],
    [compactU32, [2, 0, 0, 0], "Cannot decode it: the compact length 0 is not in its shortest form"],
    [compactU32, [3, 255, 255, 255, 63], "Cannot decode it: the compact length 1073741823 is not in its shortest form"],
    [compactU32, [7, 0, 0, 0, 0, 1], "Cannot decode it: the compact length takes 5 bytes, at most 4 wanted"],
  ] as const;
  for (const [codec, input, message] of refused) {
    assertThrows(() => decode(codec as Codec<unknown>, Uint8Array.from(input), "it"), ScaleError, message);
  }
});

Deno.test("decode() says where in a compound the problem is", () => {
  const list = vec(struct<{ id: number; data: Uint8Array }>({ id: u8, data: bytes }));
  assertThrows(
    () => decode(list, Uint8Array.of(8, 1, 0, 2, 4), "jobs"),
    ScaleError,
    "Cannot decode jobs[1].data: 1 bytes wanted at offset 5, 0 left",
  );
});

Deno.test("encode() refuses a wrong number of fixed bytes", () => {
  assertThrows(() => encode(fixedBytes(2), Uint8Array.of(1)), RangeError, "Cannot encode 1 bytes: 2 wanted");
});

Deno.test("decode() throws nothing but ScaleError for arbitrary bytes", () => {
  const codecs: Codec<unknown>[] = [
    bool,
    u8,
    u32,
    u64,
    compactU32,
    text(8),
    bytes,
    fixedBytes(5),
    vec(vec(bytes)),
    option(text(8)),
    names("a", "b"),
    struct({ a: option(vec(u64)), b: text(8) }),
  ] as Codec<unknown>[];
  fc.assert(
    fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 60 }), (codec, input) => {
      try {
        assertEquals(encode(codec, decode(codec, input, "it")), input);
        return true;
      } catch (error) {
        return error instanceof ScaleError;
      }
    }),
    { numRuns: 2000 },
  );
});
