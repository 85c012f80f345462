/** What a caller can say of executor parameters. */

/**
 * Executor parameters. A relay chain sets them for all its validators, so that all come to the same verdict. One that is not given
 * has the default, which never changes. `decodeExecutorParams` reads them in the form in which a relay chain keeps them.
 *
 * Some of them decide what preparing makes of code, so that each of their values has artifacts of its own: `maxMemoryPages`,
 * `stackLogicalMax` and `wasmExtBulkMemory`. To give one of these its default is not the same as not to give it: a relay chain's
 * own hash tells the two apart.
 *
 * There is no parameter for further host functions (upstream's `EnabledHostFunction`): the engine does not have those functions.
 *
 * @example
 * ```ts
 * import { type ExecutorParams, Pvf } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const executorParams: ExecutorParams = {
 *   maxMemoryPages: 1024,
 *   execTimeoutMs: { backing: 2_500, approval: 15_000 },
 * };
 * const pvf = await Pvf.fromCode(new Uint8Array(), { executorParams });
 * assertEquals(pvf.maxMemoryPages, 1056);
 * ```
 */
export interface ExecutorParams {
  /**
   * How many pages (64 KiB each) the code's memory may have besides the 32 that every runtime gets for its stack, from 1 to 65,536.
   * It is written into the prepared module, so another value means another artifact. Together they are never more than 65,536 pages
   * (4 GiB), which is all that WebAssembly can address.
   *
   * @default {2048}
   */
  readonly maxMemoryPages?: number;
  /**
   * How many values WebAssembly's stack may hold, from 1,024 to 131,072. Upstream writes a count of them into the prepared module, so
   * another value means another artifact here too. The engine itself has no such count: V8 limits the stack in bytes, and code that
   * exhausts it is `possibly-invalid`.
   *
   * @default {65536}
   */
  readonly stackLogicalMax?: number;
  /**
   * How many bytes the machine's stack may have, from 128 times `stackLogicalMax` to 4,294,967,295. It is checked and hashed as
   * upstream does, and has no further effect: the size of a worker's stack is V8's.
   *
   * @default {268435456}
   */
  readonly stackNativeMax?: number;
  /**
   * How many bytes of memory a preparation may take to pass a precheck, from 256 MiB to 16 GiB. Upstream counts what is allocated;
   * this host goes by the worker's resident set, of which some 50 MiB are V8's own.
   *
   * @default Upstream has none, and neither has this host
   */
  readonly precheckingMaxMemoryBytes?: number;
  /** The CPU time that a preparation may take. The artifact does not depend on it. */
  readonly prepTimeoutMs?: {
    /**
     * For a precheck, in milliseconds: less than `prepare`, from 0 to 2^53 - 1.
     *
     * @default {60000}
     */
    readonly precheck?: number;
    /**
     * For an execution, or in advance of one, in milliseconds: more than `precheck`, from 0 to 2^53 - 1.
     *
     * @default {360000}
     */
    readonly prepare?: number;
  };
  /** The CPU time that an execution may take. The artifact does not depend on it. */
  readonly execTimeoutMs?: {
    /**
     * For backing, in milliseconds: less than `approval`, from 0 to 2^53 - 1.
     *
     * @default {2000}
     */
    readonly backing?: number;
    /**
     * For approvals and disputes, in milliseconds: more than `backing`, from 0 to 2^53 - 1.
     *
     * @default {12000}
     */
    readonly approval?: number;
  };
  /**
   * Whether code may use the extension of WebAssembly called bulk memory: `memory.init`, `data.drop`, `memory.copy`, `memory.fill` and
   * data that is not there from the start. Code that uses it otherwise cannot be prepared. Its instructions for tables stay
   * refused: compilers do not make them of a PVF.
   *
   * @default {false}
   */
  readonly wasmExtBulkMemory?: boolean;
}
