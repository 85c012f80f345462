/** How much text a log has. */
import type { WireLogEntry } from "./messages.ts";

/** The most bytes that the text of a log takes: three of UTF-8 for each UTF-16 unit. */
export function logSize(entries: readonly WireLogEntry[]): number {
  return entries.reduce((sum, entry) => sum + 3 * (entry.target.length + entry.message.length), 0);
}
