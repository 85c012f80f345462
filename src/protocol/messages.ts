/**
 * What host and worker say to each other: strictly request and response, one request at a time. Every response repeats the number of
 * the request that it answers, and the numbers are random, so that an answer written ahead of its request is
 * not taken for it. In place of a job's answer there may come the last words of the worker's watchdog.
 */
import type { FrameKind } from "./frame.ts";
import { type JobLimits, jobLimits, WATCHED_LIMITS, type WatchedLimit } from "./job_limits.ts";
import { bool, bytes, fixedBytes, names, struct, text, u32, u64, u8, variants, vec } from "./scale.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The most bytes of code (as given, so mostly compressed) that a worker is handed. */
export const MAX_CODE_BYTES: number = 64 * MIB;
/** The most bytes of parameters that a worker is handed. */
export const MAX_PARAMS_BYTES: number = 64 * MIB;
/** The most bytes that an execution may be allowed to give back. */
export const MAX_RESULT_BYTES: number = 16 * MIB;
/** The most bytes of text that a worker's error message may have. */
export const MAX_MESSAGE_BYTES: number = 4 * KIB;
/** The most bytes of log text that a worker may be told to keep of one job, and the most entries. */
export const MAX_LOG_BYTES: number = 64 * KIB;
export const MAX_LOG_ENTRIES = 1024;
/** The most bytes of text that names the part of the code that wrote a log entry. */
export const MAX_LOG_TARGET_BYTES = 256;

const message = text(MAX_MESSAGE_BYTES);
const version = text(64);

/** The most bytes of a message's fields other than its one large one. */
const REST = 64 * KIB;

const hash = fixedBytes(32);

/** Host to worker, first of all. */
export interface Handshake {
  requestId: number;
  kilnVersion: string;
  denoVersion: string;
  /** The module that hashes and verifies, so that a worker needs no package. */
  cryptoWasm: Uint8Array;
}

export const HANDSHAKE: FrameKind<Handshake> = {
  name: "handshake",
  tag: 1,
  maxBytes: 4 * MIB,
  codec: struct<Handshake>({ requestId: u32, kilnVersion: version, denoVersion: version, cryptoWasm: bytes }),
};

/** Worker to host, in answer to the handshake. */
export interface Ready {
  requestId: number;
  kilnVersion: string;
  denoVersion: string;
  v8Version: string;
}

export const READY: FrameKind<Ready> = {
  name: "ready",
  tag: 2,
  maxBytes: KIB,
  codec: struct<Ready>({ requestId: u32, kilnVersion: version, denoVersion: version, v8Version: version }),
};

/** Host to prepare worker. */
export interface PrepareRequest {
  requestId: number;
  limits: JobLimits;
  codeHash: Uint8Array;
  prepHash: Uint8Array;
  kind: "precheck" | "compile";
  wasmExtBulkMemory: boolean;
  codeBombLimitBytes: number;
  code: Uint8Array;
}

export const PREPARE_REQUEST: FrameKind<PrepareRequest> = {
  name: "prepare request",
  tag: 3,
  maxBytes: MAX_CODE_BYTES + REST,
  codec: struct<PrepareRequest>({
    requestId: u32,
    limits: jobLimits,
    codeHash: hash,
    prepHash: hash,
    kind: names("precheck", "compile"),
    wasmExtBulkMemory: bool,
    codeBombLimitBytes: u32,
    code: bytes,
  }),
};

/** Prepare worker to host. The artifact itself is in the file `tmp-artifact` of the worker's directory. */
export interface PrepareResponse {
  requestId: number;
  cpuTimeUs: number;
  maxRssKib: number;
  result:
    | { kind: "prepared"; checksum: Uint8Array; artifactBytes: number; decompressedBytes: number }
    | { kind: "failed"; error: WorkerPrepareError; message: string };
}

/** The prepare errors that a worker itself can tell. */
export type WorkerPrepareError =
  | "decompression"
  | "prevalidation"
  | "preparation"
  | "runtime-construction"
  | "out-of-memory"
  | "job-error"
  | "io-error";

export const PREPARE_RESPONSE: FrameKind<PrepareResponse> = {
  name: "prepare response",
  tag: 4,
  maxBytes: REST,
  codec: struct<PrepareResponse>({
    requestId: u32,
    cpuTimeUs: u64,
    maxRssKib: u64,
    result: variants<PrepareResponse["result"]>({
      prepared: struct({ checksum: hash, artifactBytes: u64, decompressedBytes: u64 }),
      failed: struct({
        error: names<WorkerPrepareError>(
          "decompression",
          "prevalidation",
          "preparation",
          "runtime-construction",
          "out-of-memory",
          "job-error",
          "io-error",
        ),
        message,
      }),
    }),
  }),
};

/** Host to execute worker: take the artifact in the file `artifact` of the worker's directory, for the worker's whole life. */
export interface BindRequest {
  requestId: number;
  limits: JobLimits;
  codeHash: Uint8Array;
  prepHash: Uint8Array;
  checksum: Uint8Array;
}

export const BIND_REQUEST: FrameKind<BindRequest> = {
  name: "bind request",
  tag: 5,
  maxBytes: KIB,
  codec: struct<BindRequest>({ requestId: u32, limits: jobLimits, codeHash: hash, prepHash: hash, checksum: hash }),
};

/** Execute worker to host. */
export interface BindResponse {
  requestId: number;
  result:
    | { kind: "bound" }
    | {
      kind: "failed";
      error: "could-not-open-file" | "corrupted-artifact" | "runtime-construction";
      message: string;
    };
}

export const BIND_RESPONSE: FrameKind<BindResponse> = {
  name: "bind response",
  tag: 6,
  maxBytes: REST,
  codec: struct<BindResponse>({
    requestId: u32,
    result: variants<BindResponse["result"]>({
      bound: struct({}),
      failed: struct({
        error: names("could-not-open-file", "corrupted-artifact", "runtime-construction"),
        message,
      }),
    }),
  }),
};

/** Host to execute worker: run what is bound. */
export interface ExecuteRequest {
  requestId: number;
  limits: JobLimits;
  povBombLimitBytes: number;
  params: Uint8Array;
}

export const EXECUTE_REQUEST: FrameKind<ExecuteRequest> = {
  name: "execute request",
  tag: 7,
  maxBytes: MAX_PARAMS_BYTES + REST,
  codec: struct<ExecuteRequest>({ requestId: u32, limits: jobLimits, povBombLimitBytes: u32, params: bytes }),
};

/** One entry of the log that the code itself writes. */
export interface WireLogEntry {
  level: number;
  target: string;
  message: string;
}

/** Execute worker to host. */
export interface ExecuteResponse {
  requestId: number;
  cpuTimeUs: number;
  /** The last entries, and how many before them were dropped. */
  log: WireLogEntry[];
  logDropped: number;
  result:
    | { kind: "valid"; peakMemoryPages: number; result: Uint8Array }
    | { kind: "failed"; error: WorkerExecuteError; message: string };
}

/** The execution errors that a worker itself can tell. */
export type WorkerExecuteError =
  | "trap"
  | "output-limit"
  | "pov-decompression"
  | "runtime-construction"
  | "resources"
  | "unsupported"
  | "job-error";

export const EXECUTE_RESPONSE: FrameKind<ExecuteResponse> = {
  name: "execute response",
  tag: 8,
  maxBytes: MAX_RESULT_BYTES + 2 * MAX_LOG_BYTES + REST,
  codec: struct<ExecuteResponse>({
    requestId: u32,
    cpuTimeUs: u64,
    log: vec(struct<WireLogEntry>({ level: u8, target: text(MAX_LOG_TARGET_BYTES), message }), MAX_LOG_ENTRIES),
    logDropped: u32,
    result: variants<ExecuteResponse["result"]>({
      valid: struct({ peakMemoryPages: u32, result: bytes }),
      failed: struct({
        error: names<WorkerExecuteError>(
          "trap",
          "output-limit",
          "pov-decompression",
          "runtime-construction",
          "resources",
          "unsupported",
          "job-error",
        ),
        message,
      }),
    }),
  }),
};

/** Worker to host, in place of a job's answer: its watchdog ended the job, and the process with it. */
export interface LastWords {
  requestId: number;
  /** The limit that the job broke. */
  limit: WatchedLimit;
  /** What it had used, in the limit's own unit. */
  used: number;
}

export const LAST_WORDS: FrameKind<LastWords> = {
  name: "last words",
  tag: 9,
  maxBytes: 64,
  // The watchdog fills the last two into a frame that was encoded for it beforehand: one byte, and eight.
  codec: struct<LastWords>({ requestId: u32, limit: names<WatchedLimit>(...WATCHED_LIMITS), used: u64 }),
};
