/** Texts that have to fit into a frame. */
import { MAX_MESSAGE_BYTES } from "../protocol/messages.ts";

/** `text` in at most `maxBytes` bytes of UTF-8, without half a character at its end and without lone surrogates. */
export function clip(text: string, maxBytes: number): string {
  const buffer = new Uint8Array(maxBytes);
  const { written } = new TextEncoder().encodeInto(text, buffer);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(buffer.subarray(0, written));
}

/** What an error says, as long as a message may be. */
export function errorText(error: unknown): string {
  return clip(error instanceof Error ? error.message : String(error), MAX_MESSAGE_BYTES);
}
