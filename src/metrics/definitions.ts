/** What each metric means, which labels it may have, and its buckets. */
import type { ExecuteOutcome } from "../execute_outcome.ts";
import type { CounterName, HistogramName } from "../metrics.ts";
import type { PrepareErrorKind } from "../prepare_error.ts";
import { EXECUTION_CLASSES } from "../queue/fairness.ts";
import type { RetireReason } from "../queue/worker_queue.ts";

/** A metric. */
export interface MetricDefinition {
  readonly help: string;
  /** The values that each label may have: a series for each is all that there can ever be. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

/** A metric that sorts values into buckets. */
export interface HistogramDefinition extends MetricDefinition {
  /** The largest value of each bucket, ascending. */
  readonly buckets: readonly number[];
}

type Reason = Extract<ExecuteOutcome, { reason: string }>["reason"];

// Written as objects, so that the type check finds what is added elsewhere and forgotten here.
const PREPARE_ERRORS: Record<PrepareErrorKind, true> = {
  "clear-worker-dir": true,
  "create-tmp-file": true,
  "decompression": true,
  "directory-limit": true,
  "io-error": true,
  "job-died": true,
  "job-error": true,
  "malformed-answer": true,
  "out-of-memory": true,
  "preparation": true,
  "prevalidation": true,
  "rename-tmp-file": true,
  "runtime-construction": true,
  "spawn": true,
  "timed-out": true,
  "unreachable": true,
};

const KINDS: Record<ExecuteOutcome["kind"], true> = {
  "execution-deadline": true,
  "internal": true,
  "invalid": true,
  "possibly-invalid": true,
  "preparation": true,
  "valid": true,
};

const REASONS: Record<Reason, true> = {
  ...PREPARE_ERRORS,
  "ambiguous-job-death": true,
  "ambiguous-worker-death": true,
  "corrupted-artifact": true,
  "could-not-clear-worker-dir": true,
  "could-not-copy-artifact": true,
  "could-not-open-file": true,
  "hard-timeout": true,
  "host-communication": true,
  "memory-limit": true,
  "output-limit": true,
  "pov-decompression-failure": true,
  "relay-parent-not-active": true,
  "resources-exhausted": true,
  "unsupported": true,
  "wall-clock-timeout": true,
  "worker-reported-invalid": true,
};

const RETIRE_REASONS: Record<RetireReason, true> = {
  "aborted": true,
  "closed": true,
  "culled": true,
  "died": true,
  "evicted": true,
  "idle": true,
  "job": true,
  "max-jobs": true,
};

const flavor = ["prepare", "execute"];

/** Every counter. */
export const COUNTERS: Readonly<Record<CounterName, MetricDefinition>> = {
  "polkadot_pvf_worker_spawning": { help: "Starts of workers that were begun", labels: { flavor } },
  "polkadot_pvf_worker_spawned": { help: "Starts of workers that succeeded", labels: { flavor } },
  "polkadot_pvf_worker_retired": {
    help: "Workers that are gone, by reason",
    labels: { flavor, reason: Object.keys(RETIRE_REASONS) },
  },
  "polkadot_pvf_prepare_enqueued": { help: "Preparations that were asked for", labels: {} },
  "polkadot_pvf_prepare_concluded": {
    help: "Preparations that ended, by kind of error",
    labels: { result: ["prepared", ...Object.keys(PREPARE_ERRORS)] },
  },
  "polkadot_pvf_execute_enqueued": { help: "Executions that were queued for a worker", labels: {} },
  "polkadot_pvf_execute_finished": {
    help: "Executions that came to an outcome, by its kind and reason",
    labels: { kind: Object.keys(KINDS), reason: Object.keys(REASONS) },
  },
  "kiln_execution_assigned": {
    help: "Executions that were given to a worker, by class",
    labels: { class: EXECUTION_CLASSES },
  },
};

/** Every histogram, with upstream's buckets. */
export const HISTOGRAMS: Readonly<Record<HistogramName, HistogramDefinition>> = {
  "polkadot_pvf_preparation_time": {
    help: "Time from the request of a preparation to the answer, in seconds",
    labels: {},
    buckets: [0.1, 0.5, 1, 2, 3, 10, 20, 30, 60, 120, 240, 360, 480],
  },
  "polkadot_pvf_execution_time": {
    help: "Time that a valid execution took in its worker, in seconds",
    labels: {},
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12],
  },
  "polkadot_pvf_execution_queued_time": {
    help: "Time that an execution waited for a worker, in seconds",
    labels: {},
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 12, 24, 48],
  },
  "polkadot_pvf_preparation_max_rss": {
    help: "Largest resident set of the worker during a preparation, in KiB",
    labels: {},
    buckets: doubling(8_192, 10),
  },
  "polkadot_parachain_candidate_validation_pov_size": {
    help: "Length of a proof of validity as given, in bytes",
    labels: { compressed: ["true", "false"] },
    buckets: doubling(16_384, 10),
  },
  "polkadot_parachain_candidate_validation_code_size": {
    help: "Length of validation code once decompressed, in bytes",
    labels: {},
    buckets: doubling(16_384, 10),
  },
};

function doubling(first: number, length: number): number[] {
  return Array.from({ length }, (_, index) => first * 2 ** index);
}
