/** What a job may use, in one bag: the host fills it, the worker and its watchdog keep to it, and the host checks what it can see. */
import { type Codec, struct, u32, u64 } from "./scale.ts";

/** What a page of a code's memory has, in bytes. */
export const PAGE_BYTES = 65_536;

/** The limits of one job. */
export interface JobLimits {
  /** CPU time, in milliseconds. */
  cpuTimeMs: number;
  /** Time from the request to the answer, in milliseconds. The host alone watches it: a worker that is stopped cannot. */
  wallTimeMs: number;
  /** Pages of the code's own memory. */
  memoryPages: number;
  /** The resident set of the worker's process, in bytes. */
  processMemoryBytes: number;
  /** What an execution gives back, in bytes. */
  outputBytes: number;
  /** The text of the code's own log, in bytes. What is over it is dropped, oldest first. */
  logBytes: number;
  /** Entries of every kind in the worker's directory, at any depth. Only a preparation can make any. */
  directoryFiles: number;
  /** The length of all files there together, in bytes. */
  directoryBytes: number;
}

export const jobLimits: Codec<JobLimits> = struct<JobLimits>({
  cpuTimeMs: u32,
  wallTimeMs: u32,
  memoryPages: u32,
  processMemoryBytes: u64,
  outputBytes: u32,
  logBytes: u32,
  directoryFiles: u32,
  directoryBytes: u64,
});

/** The limits that the watchdog watches, in the order in which it is given them. The others are the host's to watch. */
export const WATCHED_LIMITS = ["cpuTimeMs", "processMemoryBytes"] as const;

/** A limit that the watchdog watches. */
export type WatchedLimit = typeof WATCHED_LIMITS[number];
