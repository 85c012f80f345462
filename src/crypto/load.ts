/**
 * The bytes of the crypto module: what `@polkadot/wasm-crypto-wasm` exports as `wasmBytes`. They are unpacked here, from the file that
 * the package keeps them in, since its own unpacking asks for the environment, which a host has no permission for. And they are
 * unpacked when they are first asked for: importing Kiln does no work.
 */
export async function loadCryptoWasm(): Promise<Uint8Array<ArrayBuffer>> {
  const { bytes } = await import("@polkadot/wasm-crypto-wasm/cjs/bytes");
  const packed = new Blob([Uint8Array.fromBase64(bytes)]);
  return await new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).bytes();
}
