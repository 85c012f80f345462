/** The code that a host prepares and executes. */
import { loadCryptoWasm } from "./crypto/load.ts";
import { WasmCrypto } from "./crypto/wasm_crypto.ts";
import {
  checkExecutorParams,
  type ExecutorParams,
  frozenExecutorParams,
  memoryLimitPages,
  paramsHash,
  prepHash,
} from "./executor_params.ts";
import { MAX_CODE_BYTES } from "./protocol/messages.ts";
import type { ArtifactId } from "./registry/artifact.ts";

/**
 * Options of {@linkcode Pvf.fromCode}.
 *
 * @example
 * ```ts
 * import { Pvf, type PvfOptions } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const options: PvfOptions = { executorParams: { maxMemoryPages: 2048 } };
 * assertEquals((await Pvf.fromCode(new Uint8Array(), options)).maxMemoryPages, 2080);
 * ```
 */
export interface PvfOptions {
  /** The executor parameters to prepare and execute with. */
  readonly executorParams?: ExecutorParams;
}

/**
 * A parachain validation function (PVF): WebAssembly code, plain or compressed, with the parameters that it is prepared with.
 * A value: it is never changed, and it may be used with any number of hosts.
 *
 * @example The hash that a relay chain knows code by
 * ```ts
 * import { Pvf } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const pvf = await Pvf.fromCode(new TextEncoder().encode("abc"));
 * assertEquals(pvf.codeHash, "0xbddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
 * ```
 */
export class Pvf {
  /** The code as given. */
  readonly code: Uint8Array;
  /** BLAKE2b-256 of the code as given, "0x" and 64 hex digits: the hash that a relay chain knows it by. */
  readonly codeHash: string;
  /** The hash of the parameters that change what preparing makes of the code, "0x" and 64 hex digits. */
  readonly prepHash: string;
  /** The hash of all parameters, "0x" and 64 hex digits: what a relay chain's validators tell sets of them apart by. */
  readonly paramsHash: string;
  /** The parameters that were given: a copy, which is frozen. */
  readonly executorParams: ExecutorParams;
  /** The most pages (64 KiB each) that the code's memory may ever have. */
  readonly maxMemoryPages: number;

  private constructor(code: Uint8Array, executorParams: ExecutorParams, crypto: WasmCrypto) {
    this.code = code;
    this.codeHash = `0x${crypto.blake2b(code, 32).toHex()}`;
    this.prepHash = `0x${prepHash(executorParams, crypto).toHex()}`;
    this.paramsHash = `0x${paramsHash(executorParams, crypto).toHex()}`;
    this.executorParams = executorParams;
    this.maxMemoryPages = memoryLimitPages(executorParams);
  }

  /**
   * A PVF from the bytes of its code. The bytes are copied and hashed, and not looked at any further: whether they are a PVF is what
   * a precheck tells. Requires no permission.
   *
   * @param code WebAssembly, or WebAssembly in the compressed form in which a relay chain keeps it
   * @param options Executor parameters
   * @returns The PVF
   * @throws {RangeError} The code is longer than 64 MiB
   * @throws {ExecutorParamsError} A parameter is out of its range, or two do not go together
   *
   * @example More memory than the default
   * ```ts
   * import { Pvf } from "@kiln/host";
   * import { assertEquals } from "@std/assert";
   *
   * const pvf = await Pvf.fromCode(new Uint8Array(8), { executorParams: { maxMemoryPages: 4096 } });
   * assertEquals(pvf.maxMemoryPages, 32 + 4096);
   * ```
   */
  static async fromCode(code: Uint8Array, options: PvfOptions = {}): Promise<Pvf> {
    if (code.length > MAX_CODE_BYTES) {
      throw new RangeError(`Cannot use the code: ${code.length} bytes, at most ${MAX_CODE_BYTES} wanted`);
    }
    const params = options.executorParams ?? {};
    checkExecutorParams(params);
    const [copy, frozen] = [code.slice(), frozenExecutorParams(params)];
    return new Pvf(copy, frozen, new WasmCrypto(await loadCryptoWasm()));
  }

  /** What the registry knows the artifact of this PVF by. */
  get artifactId(): ArtifactId {
    return { codeHash: this.codeHash, prepHash: this.prepHash };
  }
}
