/** The log that a job's code writes, bounded: the last entries count, since a panic is the last thing that code says. */
import type { LogSink } from "../engine/engine.ts";
import { logSize } from "../protocol/log_size.ts";
import { MAX_LOG_ENTRIES, MAX_LOG_TARGET_BYTES, MAX_MESSAGE_BYTES, type WireLogEntry } from "../protocol/messages.ts";
import { clip } from "./clip.ts";

/** Keeps the last entries within the limits and counts the ones that had to go. */
export class JobLog implements LogSink {
  readonly #maxBytes: number;
  readonly #entries: WireLogEntry[] = [];
  #bytes = 0;
  #dropped = 0;

  /** Keeps at most `maxBytes` of text. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(level: number, target: string, message: string): void {
    const entry = {
      level: level & 0xff,
      target: clip(target, MAX_LOG_TARGET_BYTES),
      message: clip(message, MAX_MESSAGE_BYTES),
    };
    this.#entries.push(entry);
    this.#bytes += logSize([entry]);
    while (this.#bytes > this.#maxBytes || this.#entries.length > MAX_LOG_ENTRIES) {
      const oldest = this.#entries.shift();
      if (!oldest) return;
      this.#bytes -= logSize([oldest]);
      this.#dropped++;
    }
  }

  /** The entries that were kept, oldest first. */
  get entries(): WireLogEntry[] {
    return this.#entries;
  }

  /** How many entries before them were not. */
  get dropped(): number {
    return this.#dropped;
  }
}
