/** A running worker, seen from the host: its pipes, its end, its directory. */
import { retry } from "@std/async/retry";
import { encodeFrame, type FrameKind } from "../protocol/frame.ts";
import { FrameSource, type Received } from "./frame_stream.ts";
import { OutputTail } from "./output_tail.ts";
import type { WorkerDir } from "./worker_dir.ts";
import type { WorkerKind } from "./worker_kind.ts";

const STDERR_TAIL_BYTES = 8 * 1024;

/** What a wrapper around a process makes of the signals that end it: 128 and their number. */
const SIGNALS: Readonly<Record<number, string>> = {
  132: "SIGILL",
  133: "SIGTRAP",
  134: "SIGABRT",
  135: "SIGBUS",
  137: "SIGKILL",
  139: "SIGSEGV",
  143: "SIGTERM",
  152: "SIGXCPU",
  153: "SIGXFSZ",
};

function signalOf(code: number): string {
  const signal = SIGNALS[code];
  return signal === undefined ? "" : ` (${signal})`;
}

/** How often deleting a directory is tried, and the pause before each further time, in milliseconds. */
const REMOVE_ATTEMPTS = 4;
const REMOVE_PAUSE_MS = 50;

/** A worker process. Whoever holds it must give it back as an idle worker or {@linkcode WorkerProcess.retire} it. */
export class WorkerProcess {
  readonly kind: WorkerKind;
  readonly directory: WorkerDir;
  /** Resolves when the process has ended. */
  readonly exited: Promise<Deno.CommandStatus>;
  /** How many jobs it was given. */
  jobs = 0;
  /** The pages (64 KiB each) that code may have here. */
  maxMemoryPages = 0;
  /** Resolves when the process is old enough to be killed. */
  mayBeKilled: Promise<void> = Promise.resolve();
  /** The artifact file that an execute worker has bound, for its whole life. */
  boundTo: string | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #output: FrameSource;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #stderr: OutputTail;
  #onExit: (() => void) | undefined;
  #hasExited = false;
  readonly #onWarning: (message: string, error: unknown) => void;
  #retired: Promise<void> | undefined;

  constructor(
    kind: WorkerKind,
    child: Deno.ChildProcess,
    directory: WorkerDir,
    onWarning: (message: string, error: unknown) => void,
  ) {
    this.#onWarning = onWarning;
    this.kind = kind;
    this.directory = directory;
    this.exited = child.status;
    this.#child = child;
    // One that speaks out of turn is not waited for to spoil a job.
    this.#output = new FrameSource(child.stdout, () => this.#kill());
    this.#input = child.stdin.getWriter();
    this.#stderr = new OutputTail(child.stderr, STDERR_TAIL_BYTES);
    this.exited.then(() => {
      this.#hasExited = true;
      this.#onExit?.();
    });
    // A worker that goes away closes its pipe; whoever writes to it is told by the write.
    this.#input.closed.catch(() => {});
  }

  /** Sets who is told when the process has ended, in place of whoever was to be told before. */
  set onExit(onExit: (() => void) | undefined) {
    this.#onExit = onExit;
    if (this.#hasExited) onExit?.();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** A number that nobody can guess who has not read the request. */
  nextRequestId(): number {
    return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  }

  /** Sends a message. Rejects if the worker does not take it. */
  async send<T>(kind: FrameKind<T>, message: T): Promise<void> {
    await this.#input.write(encodeFrame(kind, message));
  }

  /** Receives a message, which must be of this kind. */
  receive<T>(kind: FrameKind<T>): Promise<T> {
    return this.#output.next(kind);
  }

  /** Receives a message of the wanted kind, or of the other that may come instead. */
  receiveOr<T, U>(wanted: FrameKind<T>, instead: FrameKind<U>): Promise<Received<T, U>> {
    return this.#output.nextOr(wanted, instead);
  }

  /** The end of what it has written to its standard error. All is there once it is retired. */
  get errors(): string {
    return this.#stderr.text;
  }

  /** Ends the worker's input, as a host that is gone does. A worker that is not busy then ends. */
  async endInput(): Promise<void> {
    await this.#input.close();
  }

  /** How the process ended and the end of what it wrote to its standard error. */
  async describeEnd(): Promise<string> {
    const { code, signal } = await this.exited;
    await this.#stderr.end();
    const end = signal ? `received signal: ${signal}` : `exited with status ${code}${signalOf(code)}`;
    return this.#stderr.text ? `${end}: ${this.#stderr.text}` : end;
  }

  /**
   * Ends the process, waits for its end and deletes its directory. Never rejects: what cannot be deleted is warned of, and the next
   * start of a host tries again.
   */
  retire(): Promise<void> {
    this.#retired ??= this.#retire();
    return this.#retired;
  }

  async #retire(): Promise<void> {
    await this.mayBeKilled;
    this.#kill();
    await this.exited;
    await Promise.allSettled([this.#output.cancel(), this.#input.abort(), this.#stderr.end()]);
    try {
      // A wrapper may end before what it wraps, which the kernel then ends at once, but not at the very same moment.
      await retry(() => this.directory.remove(), {
        maxAttempts: REMOVE_ATTEMPTS,
        minTimeout: REMOVE_PAUSE_MS,
        multiplier: 1,
        jitter: 0,
      });
    } catch (error) {
      // What was tried several times tells of the last time.
      const cause = error instanceof Error ? error.cause ?? error : error;
      this.#onWarning(`Cannot delete the worker directory "${this.directory.path}"`, cause);
    }
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}
