/** How much text a log has. */
import type { WireLogEntry } from "./messages.ts";

const encoder = new TextEncoder();

/** The bytes that the text of a log takes. */
export function logSize(entries: readonly WireLogEntry[]): number {
  return entries.reduce((sum, { target, message }) => sum + encoder.encode(target + message).length, 0);
}
