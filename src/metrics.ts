/**
 * What a host counts and measures, by the names that upstream's dashboards know.
 *
 * What upstream measures too keeps upstream's name, type, unit and buckets, so that dashboards and alerts for a Polkadot node fit a
 * Kiln host. What only Kiln measures begins with `kiln_`. Labels that upstream lacks split a number without changing it: the sum over
 * them is upstream's. Three of upstream's histograms are left out, since Deno has nothing to fill them with:
 * `polkadot_pvf_preparation_max_resident` and `..._max_allocated` are jemalloc's, `..._peak_tracked_allocation` is an allocator's.
 */

/**
 * What is counted, with its labels.
 *
 * - `polkadot_pvf_worker_spawning`, `polkadot_pvf_worker_spawned`: starts of workers that were begun, and that succeeded; `flavor` is
 *   `prepare` or `execute`
 * - `polkadot_pvf_worker_retired`: workers that are gone; `flavor`, and `reason`: `aborted` (its job's caller gave up), `closed` (its
 *   host was), `culled` (there were more than are kept), `died` (while it was idle), `evicted` (it made room for another artifact's
 *   worker), `idle` (for too long), `job` (its job did not leave it healthy), `max-jobs` (it did all that it may)
 * - `polkadot_pvf_prepare_enqueued`: preparations that were asked for
 * - `polkadot_pvf_prepare_concluded`: preparations that ended; `result` is `prepared`, or the kind of the error
 * - `polkadot_pvf_execute_enqueued`: executions that were put into the queue for a worker, once their code was prepared
 * - `polkadot_pvf_execute_finished`: those of them that came to an outcome, so none that was aborted or came too late; `kind` and
 *   `reason` are the outcome's, and a valid one has no reason
 * - `kiln_execution_assigned`: executions that were given to a worker; `class` is the execution's class
 *
 * @example
 * ```ts
 * import { type CounterName, MetricsRegistry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const name: CounterName = "polkadot_pvf_prepare_enqueued";
 * const metrics = new MetricsRegistry();
 * metrics.count(name);
 * assertEquals(metrics.snapshot().counters.find((counter) => counter.name === name)?.value, 1);
 * ```
 */
export type CounterName =
  | "polkadot_pvf_worker_spawning"
  | "polkadot_pvf_worker_spawned"
  | "polkadot_pvf_worker_retired"
  | "polkadot_pvf_prepare_enqueued"
  | "polkadot_pvf_prepare_concluded"
  | "polkadot_pvf_execute_enqueued"
  | "polkadot_pvf_execute_finished"
  | "kiln_execution_assigned";

/**
 * What is measured, with its unit. Times are in seconds, as Prometheus wants them, and not in milliseconds as elsewhere in Kiln.
 *
 * - `polkadot_pvf_preparation_time`: from the request to the worker's answer, in seconds
 * - `polkadot_pvf_execution_time`: what a valid execution took in its worker, in seconds
 * - `polkadot_pvf_execution_queued_time`: from the queue to a worker, with the start of that worker, in seconds
 * - `polkadot_pvf_preparation_max_rss`: the largest resident set of the worker during a preparation, in KiB
 * - `polkadot_parachain_candidate_validation_pov_size`: the length of a block's proof, in bytes, as it was given, so
 *   `compressed` is always `true`: what upstream counts as `false` only the worker sees
 * - `polkadot_parachain_candidate_validation_code_size`: the length of code once decompressed, in bytes
 *
 * @example
 * ```ts
 * import { type HistogramName, MetricsRegistry } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const name: HistogramName = "polkadot_pvf_execution_time";
 * const metrics = new MetricsRegistry();
 * metrics.observe(name, 0.042);
 * assertEquals(metrics.snapshot().histograms.find((histogram) => histogram.name === name)?.sum, 0.042);
 * ```
 */
export type HistogramName =
  | "polkadot_pvf_preparation_time"
  | "polkadot_pvf_execution_time"
  | "polkadot_pvf_execution_queued_time"
  | "polkadot_pvf_preparation_max_rss"
  | "polkadot_parachain_candidate_validation_pov_size"
  | "polkadot_parachain_candidate_validation_code_size";

/**
 * Names and values that split a number.
 *
 * @example
 * ```ts
 * import { type MetricLabels, NO_METRICS } from "@kiln/host";
 *
 * const labels: MetricLabels = { flavor: "execute", reason: "idle" };
 * NO_METRICS.count("polkadot_pvf_worker_retired", labels);
 * ```
 */
export type MetricLabels = Readonly<Record<string, string>>;

/**
 * Where a host's numbers go. It is called often and in the middle of work: it should be quick, and must not throw.
 *
 * @example Counting with something else
 * ```ts
 * import type { Metrics } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * const metrics: Metrics = {
 *   count: (name, labels) => void seen.push(`${name} ${labels?.kind}`),
 *   observe: () => {},
 * };
 * metrics.count("polkadot_pvf_execute_finished", { kind: "valid" });
 * assertEquals(seen, ["polkadot_pvf_execute_finished valid"]);
 * ```
 */
export interface Metrics {
  /**
   * Counts one more.
   *
   * @param name What happened
   * @param labels Which kind of it
   */
  count(name: CounterName, labels?: MetricLabels): void;
  /**
   * Takes note of a value.
   *
   * @param name What was measured
   * @param value In the unit of `name`
   * @param labels Which kind of it
   */
  observe(name: HistogramName, value: number, labels?: MetricLabels): void;
}

/**
 * Keeps nothing: what a host has that is given no metrics.
 *
 * @example
 * ```ts
 * import { NO_METRICS } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(NO_METRICS.observe("polkadot_pvf_execution_time", 1), undefined);
 * ```
 */
export const NO_METRICS: Metrics = Object.freeze({ count: () => {}, observe: () => {} });
