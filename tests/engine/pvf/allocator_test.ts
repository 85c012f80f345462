import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { ExecuteFailure } from "../../../src/engine/engine.ts";
import { FreeingBumpAllocator } from "../../../src/engine/pvf/allocator.ts";
import { GuestMemory } from "../../../src/engine/pvf/guest_memory.ts";

const PAGE = 65536;
const MIB = 1 << 20;

interface Heap {
  readonly allocator: FreeingBumpAllocator;
  readonly memory: GuestMemory;
}

function heap({ base = 0, pages = 1, maxPages = 65536 } = {}): Heap {
  const memory = new GuestMemory();
  memory.attach(new WebAssembly.Memory({ initial: pages, maximum: maxPages }));
  const allocator = new FreeingBumpAllocator(memory, maxPages);
  allocator.startAt(base);
  return { allocator, memory };
}

function assertTrap(work: () => unknown, problem: string): void {
  const error = assertThrows(work, ExecuteFailure);
  assertEquals([error.kind, error.message], ["trap", `Cannot serve the code's allocator: ${problem}`]);
}

Deno.test("allocate() puts a header of 8 bytes before every block", () => {
  const { allocator } = heap();
  assertEquals([allocator.allocate(1), allocator.allocate(9), allocator.allocate(1)], [8, 24, 48]);
});

Deno.test("allocate() starts at the heap's base rounded up to 8", () => {
  assertEquals(heap({ base: 13 }).allocator.allocate(1), 24);
  assertEquals(heap({ base: 16 }).allocator.allocate(1), 24);
  assertEquals(heap({ base: 17 }).allocator.allocate(1), 32);
});

Deno.test("allocate() rounds sizes up to a power of two, at least 8", () => {
  const sizes = [0, 1, 8, 9, 16, 17, 4096, 4097, MIB - 1, MIB];
  for (const [index, wanted] of [8, 8, 8, 16, 16, 32, 4096, 8192, MIB, MIB].entries()) {
    const { allocator } = heap();
    const first = allocator.allocate(sizes[index] ?? 0);
    assertEquals(allocator.allocate(1) - first - 8, wanted);
  }
});

Deno.test("allocate() writes the order into the header and marks it as in use", () => {
  const { allocator, memory } = heap();
  const pointer = allocator.allocate(100);
  assertEquals(memory.view.getBigUint64(pointer - 8, true), 1n << 32n | 4n);
});

Deno.test("free() links the block into its order's list through its header", () => {
  const { allocator, memory } = heap();
  const [first, second] = [allocator.allocate(8), allocator.allocate(8)];
  allocator.free(first);
  assertEquals(memory.view.getBigUint64(first - 8, true), 0xffffffffn);
  allocator.free(second);
  assertEquals(memory.view.getBigUint64(second - 8, true), BigInt(first - 8));
});

Deno.test("allocate() takes the block that was freed last, of its own order only", () => {
  const { allocator } = heap();
  const blocks = [allocator.allocate(8), allocator.allocate(8), allocator.allocate(16)];
  for (const block of blocks) allocator.free(block);
  assertEquals(allocator.allocate(8), blocks[1]);
  assertEquals(allocator.allocate(9), blocks[2]);
  assertEquals(allocator.allocate(1), blocks[0]);
  assertEquals(allocator.allocate(1), 8 + 16 + 16 + 24);
});

Deno.test("allocate() serves 32 MiB and not a byte more", () => {
  assertEquals(heap().allocator.allocate(32 * MIB), 8);
  assertTrap(() => heap().allocator.allocate(32 * MIB + 1), "33554433 bytes requested, at most 33554432 allowed");
  // An i32 from the code is signed here and unsigned there.
  assertTrap(() => heap().allocator.allocate(-1), "4294967295 bytes requested, at most 33554432 allowed");
});

Deno.test("allocate() doubles the memory when it is full", () => {
  const { allocator, memory } = heap({ pages: 3 });
  allocator.allocate(PAGE);
  assertEquals(memory.pages, 3);
  allocator.allocate(PAGE);
  allocator.allocate(PAGE);
  assertEquals(memory.pages, 6);
});

Deno.test("allocate() grows the memory by more than double where that is needed", () => {
  const { allocator, memory } = heap({ pages: 1 });
  allocator.allocate(MIB);
  assertEquals(memory.pages, 17);
});

Deno.test("allocate() grows the memory up to the maximum and no further", () => {
  const { allocator, memory } = heap({ pages: 3, maxPages: 5 });
  const half = PAGE / 2;
  for (let count = 0; count < 5; count++) allocator.allocate(half);
  assertEquals(memory.pages, 3);
  allocator.allocate(half);
  assertEquals(memory.pages, 5);
  assertTrap(() => {
    for (let count = 0; count < 10; count++) allocator.allocate(half);
  }, "out of space: 6 pages needed, at most 5 allowed");
});

Deno.test("allocate() fills the last page to its end", () => {
  const { allocator } = heap({ pages: 1, maxPages: 1 });
  for (let block = 0; block < PAGE / 16; block++) allocator.allocate(8);
  assertTrap(() => allocator.allocate(8), "out of space: 2 pages needed, at most 1 allowed");
});

Deno.test("allocate() works in a memory that the code itself has grown", () => {
  const memory = new GuestMemory();
  const wasmMemory = new WebAssembly.Memory({ initial: 1, maximum: 10 });
  memory.attach(wasmMemory);
  const allocator = new FreeingBumpAllocator(memory, 10);
  const first = allocator.allocate(8);
  wasmMemory.grow(4);
  allocator.free(first);
  assertEquals(allocator.allocate(8), first);
  allocator.allocate(2 * PAGE);
  assertEquals(memory.pages, 5);
});

Deno.test("free() refuses a pointer without room for a header before it", () => {
  assertTrap(() => heap().allocator.free(7), "pointer 7 is out of bounds");
  assertTrap(() => heap().allocator.free(PAGE + 1), "pointer 65537 is out of bounds");
  assertTrap(() => heap().allocator.free(-8), "pointer 4294967288 is out of bounds");
});

Deno.test("free() refuses a block twice", () => {
  const { allocator } = heap();
  const pointer = allocator.allocate(8);
  allocator.free(pointer);
  assertTrap(() => allocator.free(pointer), "the block at 0 is not in use");
});

Deno.test("free() refuses a header with an order that does not exist", () => {
  const { allocator, memory } = heap();
  const pointer = allocator.allocate(8);
  memory.view.setUint32(pointer - 8, 23, true);
  assertTrap(() => allocator.free(pointer), "the block at 0 has order 23, at most 22 wanted");
});

Deno.test("free() refuses more than was allocated", () => {
  const { allocator, memory } = heap();
  memory.view.setBigUint64(1000, 1n << 32n | 3n, true);
  assertTrap(() => allocator.free(1008), "more is freed than was allocated");
});

Deno.test("allocate() refuses a free list that leads to a block in use", () => {
  const { allocator, memory } = heap();
  const [first, second] = [allocator.allocate(8), allocator.allocate(8)];
  allocator.free(first);
  memory.view.setUint32(first - 8, second - 8, true);
  assertEquals(allocator.allocate(8), first);
  assertTrap(() => allocator.allocate(8), "the free list of order 0 leads to a block in use, at 16");
});

Deno.test("allocate() refuses a free list that leads out of bounds", () => {
  const { allocator, memory } = heap();
  const first = allocator.allocate(8);
  allocator.free(first);
  memory.view.setUint32(first - 8, PAGE - 15, true);
  assertEquals(allocator.allocate(8), first);
  assertTrap(() => allocator.allocate(8), "the free list of order 0 leads out of bounds, to 65521");
});

Deno.test("allocate() ignores the upper bits of a free block's header, and takes it where it is not aligned", () => {
  const { allocator, memory } = heap();
  const first = allocator.allocate(8);
  allocator.free(first);
  memory.view.setBigUint64(first - 8, 0xfffffffe_00000000n | 1001n, true);
  assertEquals([allocator.allocate(8), allocator.allocate(8)], [first, 1009]);
});

Deno.test("a failed call poisons the allocator", () => {
  const { allocator } = heap();
  const pointer = allocator.allocate(8);
  assertTrap(() => allocator.free(3), "pointer 3 is out of bounds");
  assertTrap(() => allocator.allocate(8), "an earlier call failed");
  assertTrap(() => allocator.free(pointer), "an earlier call failed");
});

Deno.test("allocate() blames the machine when memory is missing below the maximum", () => {
  const memory = new GuestMemory();
  const grow = () => {
    throw new RangeError("WebAssembly.Memory.grow(): Unable to grow instance memory");
  };
  memory.attach({ buffer: new ArrayBuffer(PAGE), grow } as unknown as WebAssembly.Memory);
  const error = assertThrows(() => new FreeingBumpAllocator(memory, 10).allocate(2 * PAGE), ExecuteFailure);
  assertEquals([error.kind, error.message], ["resources", "Cannot grow the memory from 1 pages by 2"]);
});

Deno.test("allocate() never gives out overlapping blocks", () => {
  const steps = fc.array(fc.record({ size: fc.nat(5000), free: fc.option(fc.nat(1000)) }), { maxLength: 200 });
  fc.assert(fc.property(steps, (all) => {
    const { allocator, memory } = heap({ base: 5000 });
    const live = new Map<number, number>();
    for (const { size, free } of all) {
      const pointer = allocator.allocate(size);
      for (const [start, length] of live) assertEquals(pointer >= start + length || pointer + size <= start, true);
      assertEquals([pointer % 8, pointer >= 5008, pointer + size <= memory.byteLength], [0, true, true]);
      live.set(pointer, size);
      const victim = free === null ? undefined : [...live.keys()][free % live.size];
      if (victim === undefined) continue;
      allocator.free(victim);
      live.delete(victim);
    }
  }));
});
