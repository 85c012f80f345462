/**
 * Hashes and signatures, by one WebAssembly module: `wasmBytes` of `npm:@polkadot/wasm-crypto-wasm`. Host and worker both use it;
 * the bytes are handed in, so that a worker needs no package.
 */

/** The functions in use. Every `&[u8]` argument is a pointer and a length, and the callee frees it. */
interface CryptoExports {
  memory: WebAssembly.Memory;
  __wbindgen_malloc(bytes: number): number;
  __wbindgen_free(pointer: number, bytes: number): void;
  __wbindgen_add_to_stack_pointer(delta: number): number;
  ext_sr_verify(...slices: number[]): number;
  ext_ed_verify(...slices: number[]): number;
}

type Digest = "ext_blake2b" | "ext_twox" | "ext_keccak256" | "ext_keccak512" | "ext_sha256" | "ext_secp_recover";

const NO_KEY = new Uint8Array();

/** The hash functions and signature checks that a Polkadot host offers. All are synchronous. */
export class WasmCrypto {
  readonly #module: WebAssembly.Module;
  #exports: CryptoExports;
  #memory: Uint8Array;

  constructor(wasmBytes: Uint8Array) {
    this.#module = new WebAssembly.Module(wasmBytes as BufferSource);
    this.#exports = instantiate(this.#module);
    this.#memory = new Uint8Array(this.#exports.memory.buffer);
  }

  /** BLAKE2b with a digest of `length` bytes. */
  blake2b(data: Uint8Array, length: 16 | 32): Uint8Array<ArrayBuffer> {
    return this.#digest("ext_blake2b", [data, NO_KEY], [length]);
  }

  /** xxHash64 with the seeds 0, 1, ... joined: `length` is 8, 16 or 32 bytes. */
  twox(data: Uint8Array, length: 8 | 16 | 32): Uint8Array<ArrayBuffer> {
    return this.#digest("ext_twox", [data], [length / 8]);
  }

  /** Keccak with a digest of `bits` bits. */
  keccak(data: Uint8Array, bits: 256 | 512): Uint8Array<ArrayBuffer> {
    return this.#digest(bits === 256 ? "ext_keccak256" : "ext_keccak512", [data], []);
  }

  /** SHA-256. */
  sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#digest("ext_sha256", [data], []);
  }

  /** Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) on `message`, signing context "substrate". */
  sr25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    return this.#exports.ext_sr_verify(...this.#pass(signature), ...this.#pass(message), ...this.#pass(publicKey)) !==
      0;
  }

  /** Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) on `message`. */
  ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    return this.#exports.ext_ed_verify(...this.#pass(signature), ...this.#pass(message), ...this.#pass(publicKey)) !==
      0;
  }

  /**
   * The compressed public key (33 bytes) whose `signature` (64 bytes, r and s) is on the 32 bytes `hash`, or `undefined` if there is
   * none. `recoveryId` is 0 to 3.
   */
  secp256k1Recover(hash: Uint8Array, signature: Uint8Array, recoveryId: number): Uint8Array<ArrayBuffer> | undefined {
    try {
      return this.#digest("ext_secp_recover", [hash, signature], [recoveryId]);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      // The module panics where there is nothing to recover. That leaves its stack pointer wrong: start it anew.
      this.#exports = instantiate(this.#module);
      return undefined;
    }
  }

  /** Calls a function that gives back bytes: it writes their pointer and length where its first argument points. */
  #digest(name: Digest, slices: Uint8Array[], rest: number[]): Uint8Array<ArrayBuffer> {
    const wasm = this.#exports;
    const call = (wasm as unknown as Record<Digest, (...args: number[]) => void>)[name];
    const returned = wasm.__wbindgen_add_to_stack_pointer(-16);
    call(returned, ...slices.flatMap((slice) => this.#pass(slice)), ...rest);
    const view = new DataView(wasm.memory.buffer);
    const pointer = view.getUint32(returned, true);
    const length = view.getUint32(returned + 4, true);
    const digest = this.#bytes().slice(pointer, pointer + length);
    wasm.__wbindgen_free(pointer, length);
    wasm.__wbindgen_add_to_stack_pointer(16);
    return digest;
  }

  #pass(slice: Uint8Array): [number, number] {
    const pointer = this.#exports.__wbindgen_malloc(slice.length);
    this.#bytes().set(slice, pointer);
    return [pointer, slice.length];
  }

  /** The module's memory; growing it leaves old views empty. */
  #bytes(): Uint8Array<ArrayBuffer> {
    if (this.#memory.buffer !== this.#exports.memory.buffer) this.#memory = new Uint8Array(this.#exports.memory.buffer);
    return this.#memory as Uint8Array<ArrayBuffer>;
  }
}

/** The module imports glue for randomness only, which nothing here asks for. */
function instantiate(module: WebAssembly.Module): CryptoExports {
  const glue: Record<string, WebAssembly.ImportValue> = {};
  for (const { name } of WebAssembly.Module.imports(module)) {
    glue[name] = () => {
      throw new Error(`The crypto module called ${name}, which needs a source of randomness`);
    };
  }
  return new WebAssembly.Instance(module, { wbg: glue }).exports as unknown as CryptoExports;
}
