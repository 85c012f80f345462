/** The parameters that a relay chain sets for all executions, as far as this host knows them. */
import type { WasmCrypto } from "./crypto/wasm_crypto.ts";
import { encode, u32, u8 } from "./protocol/scale.ts";
import { ScaleWriter } from "./protocol/scale.ts";

/**
 * Executor parameters. A parameter that is not given has the default, which never changes.
 *
 * @example
 * ```ts
 * import { type ExecutorParams, Pvf } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const executorParams: ExecutorParams = { maxMemoryPages: 1024 };
 * const pvf = await Pvf.fromCode(new Uint8Array(), { executorParams });
 * assertEquals(pvf.maxMemoryPages, 1056);
 * ```
 */
export interface ExecutorParams {
  /**
   * How many pages (64 KiB each) the code's memory may have besides the 32 that every runtime gets for its stack, from 1 to 65,504.
   * It is written into the prepared module, so another value means another artifact.
   *
   * @default {2048}
   */
  readonly maxMemoryPages?: number;
}

const STACK_PAGES = 32;
const DEFAULT_MAX_MEMORY_PAGES = 2048;
/** What WebAssembly can address: 4 GiB. */
const ALL_PAGES = 65_536;

/** The index of `ExecutorParam::MaxMemoryPages` in its encoding. */
const MAX_MEMORY_PAGES_INDEX = 1;

/** Throws a `RangeError` for parameters that no relay chain would accept. */
export function checkExecutorParams({ maxMemoryPages }: ExecutorParams): void {
  if (maxMemoryPages === undefined) return;
  const most = ALL_PAGES - STACK_PAGES;
  if (Number.isInteger(maxMemoryPages) && maxMemoryPages >= 1 && maxMemoryPages <= most) return;
  throw new RangeError(`Cannot use maxMemoryPages ${maxMemoryPages}: a whole number from 1 to ${most} wanted`);
}

/** The most pages that the memory of code with these parameters may ever have. */
export function memoryLimitPages({ maxMemoryPages = DEFAULT_MAX_MEMORY_PAGES }: ExecutorParams): number {
  return STACK_PAGES + maxMemoryPages;
}

/**
 * The hash of the parameters that change what preparing makes of code: BLAKE2b-256 of "prep" and each such parameter that is given,
 * encoded.
 */
export function prepHash({ maxMemoryPages }: ExecutorParams, crypto: WasmCrypto): Uint8Array {
  const writer = new ScaleWriter();
  writer.push(new TextEncoder().encode("prep"));
  if (maxMemoryPages !== undefined) {
    writer.push(encode(u8, MAX_MEMORY_PAGES_INDEX));
    writer.push(encode(u32, maxMemoryPages));
  }
  return crypto.blake2b(writer.finish(), 32);
}
