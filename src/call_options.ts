/** What callers can say with a call. */
import type { ExecutionClass } from "./queue/fairness.ts";

/**
 * Options of `ValidationHost.precheck`.
 *
 * @example Waiting no longer than ten seconds
 * ```ts
 * import type { PrecheckOptions } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const options: PrecheckOptions = { signal: AbortSignal.timeout(10_000) };
 * assertEquals(options.signal?.aborted, false);
 * ```
 */
export interface PrecheckOptions {
  /**
   * Ends the waiting of this call, which then rejects with the signal's reason. The preparation itself goes on: others may wait for
   * it, and the next call finds its result.
   */
  readonly signal?: AbortSignal;
}

/**
 * Options of `ValidationHost.execute`.
 *
 * @example What a backer may take
 * ```ts
 * import type { ExecuteOptions } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const options: ExecuteOptions = { params: new Uint8Array(), timeoutMs: 2_000 };
 * assertEquals(options.timeoutMs, 2_000);
 * ```
 */
export interface ExecuteOptions {
  /** The bytes that the code is given: for a PVF, SCALE-encoded `ValidationParams`. At most 64 MiB. */
  readonly params: Uint8Array;
  /**
   * The CPU time that the job may take, in milliseconds. Waiting and preparing do not count.
   *
   * @default What the executor parameters say for the class, else the host's `executeTimeoutMs` or `backingTimeoutMs`
   */
  readonly timeoutMs?: number;
  /**
   * What the execution is for. It decides about its turn, how urgent a preparation is that it waits for, and its time.
   *
   * @default {"approval"}
   */
  readonly executionClass?: ExecutionClass;
  /**
   * The hash of the relay chain block that a backing job builds on. Once that is neither an active leaf nor an ancestor of one, a job
   * that has not begun ends in `execution-deadline`.
   *
   * @default The job never comes too late
   */
  readonly relayParent?: string;
  /**
   * Ends the job: a waiting one is not begun, the worker of a running one is killed. The call then rejects with the signal's reason.
   */
  readonly signal?: AbortSignal;
}

/**
 * Options of `ValidationHost.close`.
 *
 * @example Finish, but not for longer than five seconds
 * ```ts
 * import { type CloseOptions, ValidationHost } from "@kiln/host";
 *
 * const options: CloseOptions = { drain: true, timeoutMs: 5_000 };
 * const host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * await host.close(options);
 * ```
 */
export interface CloseOptions {
  /**
   * Whether to finish what was asked for before. Otherwise it is cut short and its calls reject with `HostClosedError`.
   *
   * @default {false}
   */
  readonly drain?: boolean;
  /**
   * How long finishing may take, in milliseconds. What is not finished then is cut short.
   *
   * @default No limit
   */
  readonly timeoutMs?: number;
}
