/** One instance of a module: a memory of its own, and calls into it. */
import type { WasmCrypto } from "../../crypto/wasm_crypto.ts";
import { ExecuteFailure } from "../engine.ts";
import type { LogSink } from "../engine.ts";
import { FreeingBumpAllocator } from "./allocator.ts";
import { callFailure, constructionFailure } from "./failures.ts";
import { GuestMemory } from "./guest_memory.ts";
import { linkFunctions } from "./host_functions/host_functions.ts";
import { PanicLog } from "./panic_log.ts";
import type { Program } from "./program.ts";

/** What an instance needs besides its program. */
export interface InstanceServices {
  readonly crypto: WasmCrypto;
  readonly log: LogSink;
}

/** A program that runs. It serves one job: what a call leaves in its memory is there at the next. */
export class PvfInstance {
  readonly #exports: WebAssembly.Exports;
  readonly #memory = new GuestMemory();
  readonly #allocator: FreeingBumpAllocator;
  readonly #log: PanicLog;

  /** Throws {@linkcode ExecuteFailure} if the program cannot be instantiated, or not on this machine. */
  constructor(program: Program, { crypto, log }: InstanceServices) {
    const { minPages, maxPages = minPages, imported } = program.memory;
    this.#log = new PanicLog(log);
    this.#allocator = new FreeingBumpAllocator(this.#memory, maxPages);
    const context = { memory: this.#memory, allocator: this.#allocator, crypto, log: this.#log };
    const functions = linkFunctions(program.functionImports, context);
    try {
      const own = imported ? { memory: new WebAssembly.Memory({ initial: minPages, maximum: maxPages }) } : undefined;
      this.#exports = new WebAssembly.Instance(program.module, { env: { ...functions, ...own } }).exports;
      this.#memory.attach((own ?? this.#exports).memory as WebAssembly.Memory);
    } catch (error) {
      throw constructionFailure(error);
    }
    this.#allocator.startAt(heapBase(this.#exports));
  }

  /** How many pages (64 KiB each) the memory has. It never shrinks. */
  get memoryPages(): number {
    return this.#memory.pages;
  }

  /**
   * Calls an exported function of the type `(pointer, length) -> slice` and copies out what it returns. Throws
   * {@linkcode ExecuteFailure}, and whatever else goes wrong as it is.
   */
  call(name: string, argument: Uint8Array): Uint8Array<ArrayBuffer> {
    const entryPoint = this.#exports[name] as (pointer: number, length: number) => bigint;
    try {
      const pointer = this.#allocator.allocate(argument.length);
      this.#memory.write(pointer, argument);
      return this.#memory.readSlice(entryPoint(pointer, argument.length)).slice();
    } catch (error) {
      throw callFailure(error, this.#log.message);
    }
  }
}

function heapBase(exports: WebAssembly.Exports): number {
  const value: unknown = (exports.__heap_base as WebAssembly.Global).value;
  if (typeof value === "number" && Number.isInteger(value)) return value >>> 0;
  throw new ExecuteFailure("runtime-construction", `Cannot place the heap: __heap_base is ${value}, an i32 wanted`);
}
