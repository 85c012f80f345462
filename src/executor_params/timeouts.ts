/** The time limits that executor parameters set. */
import { WALL_CLOCK_FACTOR } from "../worker_process/limits.ts";
import type { ExecutorParams } from "./executor_params.ts";

/** The longest CPU time that a job may be given, in milliseconds: a timer can wait 2^31 - 1 ms, and it waits for a multiple of that. */
export const MAX_TIMEOUT_MS = Math.floor((2 ** 31 - 1) / WALL_CLOCK_FACTOR);

/** The CPU time that a preparation may take, in milliseconds: what the parameters say, or `defaultMs` where they say nothing. */
export function prepTimeoutMs(params: ExecutorParams, kind: "precheck" | "prepare", defaultMs: number): number {
  return timeoutMs(params.prepTimeoutMs?.[kind], defaultMs);
}

/** The CPU time that an execution may take, in milliseconds: what the parameters say, or `defaultMs` where they say nothing. */
export function execTimeoutMs(params: ExecutorParams, kind: "backing" | "approval", defaultMs: number): number {
  return timeoutMs(params.execTimeoutMs?.[kind], defaultMs);
}

/** A relay chain may ask for less than a worker can be held to, and for more than a timer can wait: six days. */
function timeoutMs(given: number | undefined, defaultMs: number): number {
  return given === undefined ? defaultMs : Math.min(Math.max(given, 1), MAX_TIMEOUT_MS);
}
