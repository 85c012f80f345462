import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { PrepareFailure } from "../../../src/engine/engine.ts";
import { WasmReader } from "../../../src/engine/pvf/wasm_reader.ts";
import { leb } from "./wasm_builder.ts";

function reader(...bytes: number[]): WasmReader {
  return new WasmReader(Uint8Array.from(bytes));
}

Deno.test("WasmReader.u32() reads LEB128, also with more bytes than are needed", () => {
  assertEquals(reader(0).u32("n"), 0);
  assertEquals(reader(0xe5, 0x8e, 0x26).u32("n"), 624485);
  assertEquals(reader(0xff, 0xff, 0xff, 0xff, 0x0f).u32("n"), 0xffffffff);
  assertEquals(reader(0x81, 0x80, 0x80, 0x80, 0x00).u32("n"), 1);
});

Deno.test("WasmReader.u32() reads what was written", () => {
  fc.assert(fc.property(fc.nat(2 ** 31 - 1), (value) => reader(...leb(value)).u32("n") === value));
});

Deno.test("WasmReader.u32() refuses more than 32 bits and more than five bytes", () => {
  for (const bytes of [[0xff, 0xff, 0xff, 0xff, 0x10], [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]]) {
    assertThrows(() => reader(...bytes).u32("the size"), PrepareFailure, "the size at offset 0 does not fit 32 bits");
  }
});

Deno.test("WasmReader.u32() refuses a number that is cut off", () => {
  assertThrows(
    () => reader(0x80, 0x80).u32("the size"),
    PrepareFailure,
    "Cannot read the module: the size at offset 2 takes 1 bytes, 0 left: it is truncated",
  );
});

Deno.test("WasmReader.take() stays within its part of the bytes", () => {
  const part = new WasmReader(Uint8Array.of(1, 2, 3, 4, 5), 1, 4);
  assertEquals(part.take(2, "it"), Uint8Array.of(2, 3));
  assertEquals([part.offset, part.remaining], [3, 1]);
  assertThrows(() => part.take(2, "it"), PrepareFailure, "it at offset 3 takes 2 bytes, 1 left");
});

Deno.test("WasmReader.name() refuses what is not UTF-8", () => {
  assertEquals(reader(2, 0xc3, 0xa4).name("a name"), "ä");
  assertThrows(() => reader(1, 0xc3).name("a name"), PrepareFailure, "a name at offset 1 is not UTF-8");
});
