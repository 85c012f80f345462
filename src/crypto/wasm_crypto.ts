/**
 * Hashes and signatures, by one WebAssembly module: `wasmBytes` of `npm:@polkadot/wasm-crypto-wasm`. Host and worker both use it;
 * the bytes are handed in, so that a worker needs no package.
 */

/**
 * The functions in use. Every slice of bytes is passed as pointer and length, and the callee frees it. Those that give back bytes
 * write their pointer and length where the first argument points.
 */
interface CryptoExports {
  memory: WebAssembly.Memory;
  __wbindgen_malloc(bytes: number): number;
  __wbindgen_free(pointer: number, bytes: number): void;
  __wbindgen_add_to_stack_pointer(delta: number): number;
  ext_blake2b(returned: number, data: number, length: number, key: number, keyLength: number, bytes: number): void;
  ext_twox(returned: number, data: number, length: number, rounds: number): void;
  ext_keccak256(returned: number, data: number, length: number): void;
  ext_keccak512(returned: number, data: number, length: number): void;
  ext_sha256(returned: number, data: number, length: number): void;
  ext_sha512(returned: number, data: number, length: number): void;
  ext_secp_pub_expand(returned: number, key: number, length: number): void;
  ext_secp_recover(returned: number, ...hashSignatureAndId: number[]): void;
  ext_sr_verify(...signatureMessageAndKey: number[]): number;
  ext_ed_verify(...signatureMessageAndKey: number[]): number;
}

/** What an empty slice points to: anything but null. */
const DANGLING = 1;
const RETURNED_BYTES = 16;
const COMPRESSED_KEY_BYTES = 33;
/** A signature that there is a key for. */
const KNOWN_HASH = new Uint8Array(32).fill(1);
const KNOWN_SIGNATURE = new Uint8Array(64).fill(1);
const KEY_BYTES = 65;
/** Up to here, copying byte by byte takes less time than telling the engine to copy. */
const SHORT_BYTES = 64;

/** The crypto module failed, started anew too: there is not enough memory for what it was given. */
export class WasmCryptoError extends Error {
  override name = "WasmCryptoError";
}

/**
 * The hash functions and signature checks that a Polkadot host offers. All are synchronous. A caller that hashes often can bring the
 * array that a digest is written to, of the digest's length: making one takes longer than many a digest.
 */
export class WasmCrypto {
  readonly #module: WebAssembly.Module;
  #wasm: CryptoExports;
  /** Where functions write what they give back. */
  #returned: number;
  #bytes = new Uint8Array();
  #view = new DataView(this.#bytes.buffer);
  /** Whether a call ended where it should not have: stack and heap of the module are in disorder then. */
  #isBroken = false;

  constructor(wasmBytes: Uint8Array) {
    this.#module = new WebAssembly.Module(wasmBytes as BufferSource);
    this.#wasm = instantiate(this.#module);
    this.#returned = this.#wasm.__wbindgen_add_to_stack_pointer(-RETURNED_BYTES);
  }

  /** BLAKE2b with a digest of `length` bytes. */
  blake2b(data: Uint8Array, length: 16 | 32, target = new Uint8Array(length)): Uint8Array<ArrayBuffer> {
    return this.#guard(() => {
      this.#wasm.ext_blake2b(this.#returned, this.#pass(data), data.length, DANGLING, 0, length);
      return this.#takeReturned(target);
    });
  }

  /** xxHash64 with the seeds 0, 1, ... joined: `length` is 8, 16 or 32 bytes. */
  twox(data: Uint8Array, length: 8 | 16 | 32, target = new Uint8Array(length)): Uint8Array<ArrayBuffer> {
    return this.#guard(() => {
      this.#wasm.ext_twox(this.#returned, this.#pass(data), data.length, length / 8);
      return this.#takeReturned(target);
    });
  }

  /** Keccak with a digest of `bits` bits. */
  keccak(data: Uint8Array, bits: 256 | 512, target = new Uint8Array(bits / 8)): Uint8Array<ArrayBuffer> {
    return this.#guard(() => {
      if (bits === 256) this.#wasm.ext_keccak256(this.#returned, this.#pass(data), data.length);
      else this.#wasm.ext_keccak512(this.#returned, this.#pass(data), data.length);
      return this.#takeReturned(target);
    });
  }

  /** SHA-256. */
  sha256(data: Uint8Array, target = new Uint8Array(32)): Uint8Array<ArrayBuffer> {
    return this.#guard(() => {
      this.#wasm.ext_sha256(this.#returned, this.#pass(data), data.length);
      return this.#takeReturned(target);
    });
  }

  /** SHA-512. */
  sha512(data: Uint8Array, target = new Uint8Array(64)): Uint8Array<ArrayBuffer> {
    return this.#guard(() => {
      this.#wasm.ext_sha512(this.#returned, this.#pass(data), data.length);
      return this.#takeReturned(target);
    });
  }

  /** Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) on `message`, signing context "substrate". */
  sr25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    return this.#guard(() => this.#wasm.ext_sr_verify(...this.#passAll(signature, message, publicKey)) !== 0);
  }

  /**
   * Whether `signature` (64 bytes) is `publicKey`'s (32 bytes) on `message`. The equation is checked without the cofactor, so this is
   * stricter than ZIP-215.
   */
  ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    return this.#guard(() => this.#wasm.ext_ed_verify(...this.#passAll(signature, message, publicKey)) !== 0);
  }

  /**
   * The compressed public key (33 bytes) whose `signature` (64 bytes, r and s) is on the 32 bytes `hash`, or `undefined` if there is
   * none. `recoveryId` is 0 to 3. For an s over half the curve's order, the module gives another key than it should.
   */
  secp256k1Recover(hash: Uint8Array, signature: Uint8Array, recoveryId: number): Uint8Array<ArrayBuffer> | undefined {
    return this.#guard(() => {
      const key = this.#recover(hash, signature, recoveryId);
      // The module panics where there is nothing to recover, and also where it has no memory left to find that out.
      if (!key && !this.#recover(KNOWN_HASH, KNOWN_SIGNATURE, 0)) throw new WebAssembly.RuntimeError("out of memory");
      return key;
    });
  }

  #recover(hash: Uint8Array, signature: Uint8Array, recoveryId: number): Uint8Array<ArrayBuffer> | undefined {
    const slices = this.#passAll(hash, signature);
    try {
      this.#wasm.ext_secp_recover(this.#returned, ...slices, recoveryId);
      return this.#takeReturned(new Uint8Array(COMPRESSED_KEY_BYTES));
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#cleanUpAfterPanic(slices);
      return undefined;
    }
  }

  /** The full form (65 bytes, the first is 4) of a compressed public key (33 bytes). */
  secp256k1Expand(key: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#guard(() => {
      this.#wasm.ext_secp_pub_expand(this.#returned, this.#pass(key), key.length);
      return this.#takeReturned(new Uint8Array(KEY_BYTES));
    });
  }

  /**
   * Calls into the module. A trap there must not be taken for one in the code that asks for a hash, and what was hashed before must
   * not matter: where the module traps, its memory may be full of that, so it is started anew and asked once more. Where a call ends
   * otherwise it is started anew only when it is next needed: this thread's stack may be full.
   */
  #guard<T>(work: () => T): T {
    try {
      return this.#attempt(work);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    }
    try {
      return this.#attempt(work);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      throw new WasmCryptoError(`The crypto module failed: ${error.message}`, { cause: error });
    }
  }

  #attempt<T>(work: () => T): T {
    if (this.#isBroken) this.#restart();
    try {
      return work();
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  #restart(): void {
    this.#wasm = instantiate(this.#module);
    this.#returned = this.#wasm.__wbindgen_add_to_stack_pointer(-RETURNED_BYTES);
    this.#refresh();
    this.#isBroken = false;
  }

  /**
   * Gives back what a function held when it panicked: its stack and the slices that it was passed. Starting the module anew would do
   * as well, but costs 50 ms the next time that it uses secp256k1, and anybody can make a signature that leads here.
   */
  #cleanUpAfterPanic(slices: number[]): void {
    const stackPointer = this.#wasm.__wbindgen_add_to_stack_pointer(0);
    this.#wasm.__wbindgen_add_to_stack_pointer(this.#returned - stackPointer);
    for (let index = 0; index < slices.length; index += 2) {
      this.#wasm.__wbindgen_free(slices[index] ?? 0, slices[index + 1] ?? 0);
    }
  }

  #passAll(...slices: Uint8Array[]): number[] {
    return slices.flatMap((slice) => [this.#pass(slice), slice.length]);
  }

  /** Copies a slice into the module's memory; the function that gets it frees it. */
  #pass(slice: Uint8Array): number {
    const pointer = this.#wasm.__wbindgen_malloc(slice.length);
    if (this.#bytes.length === 0) this.#refresh();
    copy(slice, 0, this.#bytes, pointer, slice.length);
    return pointer;
  }

  #takeReturned(target: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#refresh();
    const pointer = this.#view.getUint32(this.#returned, true);
    copy(this.#bytes, pointer, target, 0, target.length);
    this.#wasm.__wbindgen_free(pointer, this.#view.getUint32(this.#returned + 4, true));
    return target;
  }

  /** Growing the memory leaves old views empty. */
  #refresh(): void {
    this.#bytes = new Uint8Array(this.#wasm.memory.buffer as ArrayBuffer);
    this.#view = new DataView(this.#bytes.buffer);
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

function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length > SHORT_BYTES) to.set(from.subarray(start, start + length), at);
  else for (let index = 0; index < length; index++) to[at + index] = from[start + index] ?? 0;
}
