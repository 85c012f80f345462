/** Why code panicked, as far as it says. */
import type { LogSink } from "../engine.ts";

const ERROR = 1;

/** Passes a log on, and keeps the last panic message in it. */
export class PanicLog implements LogSink {
  readonly #log: LogSink;
  #message: string | undefined;

  constructor(log: LogSink) {
    this.#log = log;
  }

  /** What the code logged just before it trapped, if it did. */
  get message(): string | undefined {
    return this.#message;
  }

  add(level: number, target: string, message: string): void {
    if (level === ERROR && message.startsWith("panicked at")) this.#message = message;
    this.#log.add(level, target, message);
  }
}
