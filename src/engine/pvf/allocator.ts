/**
 * Substrate's freeing-bump allocator. Where it puts things decides when memory runs out, so every host has to allocate alike.
 *
 * A block is a power of two of bytes, its order, from 8 bytes to 32 MiB, after a header of 8 bytes: two little-endian u32, the second
 * with bit 0 set while the block is in use. The first is then the block's order, and while it is free the header of the next free
 * block of that order. Blocks are taken from their order's list of free ones or else from the end, the bumper. Headers are in the
 * code's own memory, so nothing that they say can be trusted.
 */
import { ExecuteFailure } from "../engine.ts";
import type { GuestMemory } from "./guest_memory.ts";

const ALIGNMENT = 8;
const HEADER_BYTES = 8;
const MIN_BLOCK_BYTES = 8;
const ORDERS = 23;
const MAX_BLOCK_BYTES = MIN_BLOCK_BYTES << ORDERS - 1;
const OCCUPIED = 1;
const NIL = 0xffffffff;
const PAGE_BYTES = 65536;

/** Allocates in the memory of one instance. */
export class FreeingBumpAllocator {
  readonly #memory: GuestMemory;
  readonly #maxPages: number;
  /** The first free block's header, by order. */
  readonly #freeLists = new Uint32Array(ORDERS).fill(NIL);
  #bumper = 0;
  #allocatedBytes = 0;
  #poisoned = false;

  constructor(memory: GuestMemory, maxPages: number) {
    this.#memory = memory;
    this.#maxPages = maxPages;
  }

  /** Says where the heap starts, which only the instance can tell. Nothing may have been allocated yet. */
  startAt(heapBase: number): void {
    this.#bumper = Math.ceil(heapBase / ALIGNMENT) * ALIGNMENT;
  }

  /** A pointer to `size` bytes. Throws `ExecuteFailure` if there are none; every later call then fails too. */
  allocate(size: number): number {
    this.#poisonUnlessDone();
    const order = orderOf(size >>> 0);
    const blockBytes = MIN_BLOCK_BYTES << order;
    const header = this.#takeFree(order, blockBytes) ?? this.#bump(HEADER_BYTES + blockBytes);
    this.#writeHeader(header, order, OCCUPIED);
    this.#allocatedBytes = (this.#allocatedBytes + HEADER_BYTES + blockBytes) >>> 0;
    this.#poisoned = false;
    return header + HEADER_BYTES;
  }

  /** Gives back what {@linkcode allocate} gave. Throws `ExecuteFailure` for anything else; every later call then fails too. */
  free(pointer: number): void {
    this.#poisonUnlessDone();
    const header = (pointer >>> 0) - HEADER_BYTES;
    if (header < 0 || header + HEADER_BYTES > this.#memory.byteLength) {
      throw broken(`pointer ${pointer >>> 0} is out of bounds`);
    }
    const order = this.#occupiedOrder(header);
    this.#writeHeader(header, this.#freeLists[order] ?? NIL, 0);
    this.#freeLists[order] = header;
    this.#allocatedBytes -= HEADER_BYTES + (MIN_BLOCK_BYTES << order);
    if (this.#allocatedBytes < 0) throw broken("more is freed than was allocated");
    this.#poisoned = false;
  }

  #poisonUnlessDone(): void {
    if (this.#poisoned) throw broken("an earlier call failed");
    this.#poisoned = true;
  }

  #takeFree(order: number, blockBytes: number): number | undefined {
    const header = this.#freeLists[order] ?? NIL;
    if (header === NIL) return undefined;
    if (header + HEADER_BYTES + blockBytes > this.#memory.byteLength) {
      throw broken(`the free list of order ${order} leads out of bounds, to ${header}`);
    }
    const view = this.#memory.view;
    if ((view.getUint32(header + 4, true) & OCCUPIED) !== 0) {
      throw broken(`the free list of order ${order} leads to a block in use, at ${header}`);
    }
    this.#freeLists[order] = view.getUint32(header, true);
    return header;
  }

  #occupiedOrder(header: number): number {
    const view = this.#memory.view;
    if ((view.getUint32(header + 4, true) & OCCUPIED) === 0) throw broken(`the block at ${header} is not in use`);
    const order = view.getUint32(header, true);
    if (order >= ORDERS) throw broken(`the block at ${header} has order ${order}, at most ${ORDERS - 1} wanted`);
    return order;
  }

  #writeHeader(header: number, data: number, state: number): void {
    const view = this.#memory.view;
    view.setUint32(header, data, true);
    view.setUint32(header + 4, state, true);
  }

  #bump(bytes: number): number {
    const start = this.#bumper;
    if (start + bytes > this.#memory.byteLength) this.#grow(Math.ceil((start + bytes) / PAGE_BYTES));
    this.#bumper = start + bytes;
    return start;
  }

  /** Doubles the memory, or gives it the `needed` pages if that is more. */
  #grow(needed: number): void {
    const pages = this.#memory.pages;
    if (needed > this.#maxPages) {
      throw broken(`out of space: ${needed} pages needed, at most ${this.#maxPages} allowed`);
    }
    this.#memory.grow(Math.max(Math.min(pages * 2, this.#maxPages), needed) - pages);
  }
}

/** The order of the smallest block that holds `size` bytes. */
function orderOf(size: number): number {
  if (size > MAX_BLOCK_BYTES) throw broken(`${size} bytes requested, at most ${MAX_BLOCK_BYTES} allowed`);
  return size <= MIN_BLOCK_BYTES ? 0 : 29 - Math.clz32(size - 1);
}

function broken(problem: string): ExecuteFailure {
  return new ExecuteFailure("trap", `Cannot serve the code's allocator: ${problem}`);
}
