/**
 * What an engine is. The worker program is generic: it moves frames, measures and limits. An engine says what preparing code and
 * executing it mean. It has no state of its own and gets everything that it needs handed in.
 */
import type { WasmCrypto } from "../crypto/wasm_crypto.ts";

/** One engine: the module `worker/engine.ts` exports it by the name `engine`. */
export interface Engine {
  /** Turns code into an artifact, or throws {@linkcode PrepareFailure}. */
  prepare(input: PrepareInput, services: EngineServices): PreparedCode | Promise<PreparedCode>;
  /** Makes an artifact ready to run, or throws {@linkcode ExecuteFailure} of the kind `runtime-construction`. */
  load(artifact: Uint8Array, services: EngineServices): LoadedCode | Promise<LoadedCode>;
}

/** Code that is loaded once and run many times. */
export interface LoadedCode {
  /** Runs the code once in a fresh instance, or throws {@linkcode ExecuteFailure}. */
  run(input: ExecuteInput): Executed | Promise<Executed>;
}

/** What the worker hands to an engine. */
export interface EngineServices {
  readonly crypto: WasmCrypto;
}

/** One preparation. */
export interface PrepareInput {
  /** The code as given: plain or compressed. */
  readonly code: Uint8Array;
  /** A precheck also tries to instantiate. */
  readonly kind: "precheck" | "compile";
  /** The most pages (64 KiB each) that the code's memory may ever have. */
  readonly maxMemoryPages: number;
  /** Whether the code may use WebAssembly's bulk memory extension. */
  readonly wasmExtBulkMemory: boolean;
  /** The most bytes that the code may have once decompressed. */
  readonly codeBombLimitBytes: number;
}

/** What {@linkcode Engine.prepare} gives back. */
export interface PreparedCode {
  /** What is kept, and given to {@linkcode Engine.load} later. */
  readonly artifact: Uint8Array;
  /** The length of the code once decompressed. */
  readonly decompressedBytes: number;
}

/** One execution. */
export interface ExecuteInput {
  readonly params: Uint8Array;
  /** The most bytes that the block data may have once decompressed. */
  readonly povBombLimitBytes: number;
  readonly log: LogSink;
}

/** What {@linkcode LoadedCode.run} gives back. */
export interface Executed {
  readonly result: Uint8Array;
  /** How many pages (64 KiB each) the code's memory had at the end, where it was largest. */
  readonly peakMemoryPages: number;
}

/** Where the code's own log goes. */
export interface LogSink {
  /** Adds an entry. Levels are Substrate's: 1 error, 2 warn, 3 info, 4 debug, 5 trace. */
  add(level: number, target: string, message: string): void;
}

/** Why code cannot be prepared. All but `out-of-memory` and `runtime-construction` hold for everyone who tries. */
export type PrepareFailureKind =
  | "decompression"
  | "prevalidation"
  | "preparation"
  | "runtime-construction"
  | "out-of-memory";

/** Thrown by {@linkcode Engine.prepare}. */
export class PrepareFailure extends Error {
  override name = "PrepareFailure";
  readonly kind: PrepareFailureKind;

  constructor(kind: PrepareFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/**
 * Why an execution gave no result: `trap` is the code's or its input's doing and nobody else's, as is `pov-decompression`;
 * `runtime-construction` means that the artifact cannot be run; `resources` that this machine or this host's own limits may be to
 * blame; `unsupported` that this engine lacks what the code rightly asks for.
 */
export type ExecuteFailureKind = "trap" | "pov-decompression" | "runtime-construction" | "resources" | "unsupported";

/** Thrown by {@linkcode Engine.load} and {@linkcode LoadedCode.run}. */
export class ExecuteFailure extends Error {
  override name = "ExecuteFailure";
  readonly kind: ExecuteFailureKind;

  constructor(kind: ExecuteFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
