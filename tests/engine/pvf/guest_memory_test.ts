import { assertEquals, assertThrows } from "@std/assert";
import { ExecuteFailure } from "../../../src/engine/engine.ts";
import { GuestMemory } from "../../../src/engine/pvf/guest_memory.ts";

function attached(memory = new WebAssembly.Memory({ initial: 1, maximum: 3 })): GuestMemory {
  const guest = new GuestMemory();
  guest.attach(memory);
  return guest;
}

function slice(pointer: number, length: number): bigint {
  return BigInt.asIntN(64, BigInt(length) << 32n | BigInt(pointer));
}

Deno.test("readSlice() takes the pointer from the low half and the length from the high half", () => {
  const memory = attached();
  memory.write(100, Uint8Array.of(1, 2, 3));
  assertEquals(memory.readSlice(slice(100, 2)), Uint8Array.of(1, 2));
  assertEquals(memory.readSlice(slice(65536, 0)), new Uint8Array());
});

Deno.test("access out of bounds is a trap", () => {
  const memory = attached();
  const accesses = [
    [() => memory.read(65535, 2), "2 bytes at 65535"],
    [() => memory.read(-1, 1), "1 bytes at 4294967295"],
    [() => memory.write(65535, new Uint8Array(2)), "2 bytes at 65535"],
    [() => memory.readSlice(slice(65537, 0)), "0 bytes at 65537"],
    [() => memory.readSlice(slice(0, 65537)), "65537 bytes at 0"],
    [() => memory.readSlice(slice(0xffffffff, 0xffffffff)), "4294967295 bytes at 4294967295"],
  ] as const;
  for (const [access, what] of accesses) {
    const error = assertThrows(access, ExecuteFailure);
    assertEquals([error.kind, error.message], [
      "trap",
      `Cannot access ${what} of the code's memory: it has 65536 bytes`,
    ]);
  }
});

Deno.test("views follow the memory when host or code grow it", () => {
  const wasmMemory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
  const memory = attached(wasmMemory);
  memory.write(0, Uint8Array.of(7));
  wasmMemory.grow(1);
  assertEquals([memory.pages, memory.bytes[0], memory.view.getUint8(0)], [2, 7, 7]);
  memory.grow(1);
  assertEquals(memory.read(3 * 65536 - 1, 1), Uint8Array.of(0));
});

Deno.test("grow() blames the machine when the memory cannot grow", () => {
  const error = assertThrows(() => attached().grow(3), ExecuteFailure, "Cannot grow the memory from 1 pages by 3");
  assertEquals(error.kind, "resources");
});
