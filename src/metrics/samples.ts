/** What metrics look like to a program. */
import type { CounterName, HistogramName, MetricLabels } from "../metrics.ts";

/**
 * What was counted for one set of labels.
 *
 * @example
 * ```ts
 * import { type CounterSample, MetricsRegistry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const metrics = new MetricsRegistry();
 * metrics.count("kiln_execution_assigned", { class: "dispute" });
 * const sample: CounterSample | undefined = metrics.snapshot().counters.find(({ value }) => value > 0);
 * assertEquals(sample, { name: "kiln_execution_assigned", labels: { class: "dispute" }, value: 1 });
 * ```
 */
export interface CounterSample {
  /** What was counted. */
  readonly name: CounterName;
  /** Which kind of it. */
  readonly labels: MetricLabels;
  /** How often. */
  readonly value: number;
}

/**
 * What was measured for one set of labels.
 *
 * @example How many executions took no longer than half a second
 * ```ts
 * import { type HistogramSample, MetricsRegistry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const metrics = new MetricsRegistry();
 * for (const seconds of [0.2, 0.3, 7]) metrics.observe("polkadot_pvf_execution_time", seconds);
 * const times = (sample: HistogramSample): boolean => sample.name === "polkadot_pvf_execution_time";
 * const sample = metrics.snapshot().histograms.find(times);
 * assertEquals(sample?.buckets.find(({ atMost }) => atMost === 0.5), { atMost: 0.5, count: 2 });
 * assertEquals(sample?.count, 3);
 * ```
 */
export interface HistogramSample {
  /** What was measured. */
  readonly name: HistogramName;
  /** Which kind of it. */
  readonly labels: MetricLabels;
  /** How many values were at most that large, ascending; each bucket includes the ones before it. */
  readonly buckets: readonly { readonly atMost: number; readonly count: number }[];
  /** All values added up. */
  readonly sum: number;
  /** How many values there were, with those beyond the last bucket. */
  readonly count: number;
}

/**
 * All that was counted and measured up to one moment.
 *
 * @example
 * ```ts
 * import { MetricsRegistry, type MetricsSnapshot } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const snapshot: MetricsSnapshot = new MetricsRegistry().snapshot();
 * assertEquals(snapshot.counters.every(({ value }) => value === 0), true);
 * ```
 */
export interface MetricsSnapshot {
  /** What was counted. A metric without labels is there from the start. */
  readonly counters: readonly CounterSample[];
  /** What was measured. A metric without labels is there from the start. */
  readonly histograms: readonly HistogramSample[];
}
