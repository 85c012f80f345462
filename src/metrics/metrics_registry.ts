import type { CounterName, HistogramName, MetricLabels, Metrics } from "../metrics.ts";
import { COUNTERS, type HistogramDefinition, HISTOGRAMS, type MetricDefinition } from "./definitions.ts";
import { exposition, type Sample } from "./exposition.ts";
import type { MetricsSnapshot } from "./samples.ts";
import { Series } from "./series.ts";

/**
 * Metrics that are kept in memory, for Prometheus to fetch or for a program to look at.
 *
 * There is a bound on what it keeps: a label has only values that Kiln knows. Any other value is counted as `other`, and a label that
 * the metric does not have is left out. Requires no permission.
 *
 * @example What a server answers to Prometheus
 * ```ts
 * import { MetricsRegistry } from "@kiln/host";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const metrics = new MetricsRegistry();
 * metrics.count("polkadot_pvf_execute_finished", { kind: "invalid", reason: "hard-timeout" });
 * const headers = { "content-type": "text/plain; version=0.0.4" };
 * const response = new Response(metrics.toPrometheus(), { headers });
 * const line = `polkadot_pvf_execute_finished{kind="invalid",reason="hard-timeout"} 1\n`;
 * assertStringIncludes(await response.text(), line);
 * ```
 */
export class MetricsRegistry implements Metrics {
  readonly #counters = seriesOf<CounterName, MetricDefinition, { value: number }>(COUNTERS, () => ({ value: 0 }));
  readonly #histograms = seriesOf<HistogramName, HistogramDefinition, Histogram>(HISTOGRAMS, newHistogram);

  /**
   * Counts one more.
   *
   * @param name What happened
   * @param labels Which kind of it
   * @throws {TypeError} There is no counter of that name
   *
   * @example
   * ```ts
   * import { MetricsRegistry } from "@kiln/host";
   * import { assertStringIncludes } from "@std/assert";
   *
   * const metrics = new MetricsRegistry();
   * metrics.count("polkadot_pvf_execute_enqueued");
   * assertStringIncludes(metrics.toPrometheus(), "polkadot_pvf_execute_enqueued 1\n");
   * ```
   */
  count(name: CounterName, labels: MetricLabels = {}): void {
    find(this.#counters, name).at(labels).value++;
  }

  /**
   * Sorts a value into its bucket. One that is no finite number of at least 0 is not a measurement, and is left out.
   *
   * @param name What was measured
   * @param value In the unit of `name`
   * @param labels Which kind of it
   * @throws {TypeError} There is no histogram of that name
   *
   * @example
   * ```ts
   * import { MetricsRegistry } from "@kiln/host";
   * import { assertStringIncludes } from "@std/assert";
   *
   * const metrics = new MetricsRegistry();
   * metrics.observe("polkadot_pvf_preparation_time", 0.4);
   * assertStringIncludes(metrics.toPrometheus(), `polkadot_pvf_preparation_time_bucket{le="0.5"} 1\n`);
   * ```
   */
  observe(name: HistogramName, value: number, labels: MetricLabels = {}): void {
    const series = find(this.#histograms, name);
    if (!Number.isFinite(value) || value < 0) return;
    const histogram = series.at(labels);
    histogram.count++;
    histogram.sum += value;
    for (const bucket of histogram.buckets) if (value <= bucket.atMost) bucket.count++;
  }

  /**
   * A copy of all numbers.
   *
   * @returns The numbers, which later ones do not change
   *
   * @example
   * ```ts
   * import { MetricsRegistry } from "@kiln/host";
   * import { assertEquals } from "@std/assert";
   *
   * const metrics = new MetricsRegistry();
   * const before = metrics.snapshot();
   * metrics.count("polkadot_pvf_prepare_enqueued");
   * assertEquals(before.counters.some(({ value }) => value > 0), false);
   * ```
   */
  snapshot(): MetricsSnapshot {
    return structuredClone({ counters: samples(this.#counters), histograms: samples(this.#histograms) });
  }

  /**
   * All numbers as the text that Prometheus reads, in its format 0.0.4 (`text/plain; version=0.0.4`).
   *
   * @returns Lines, each with its end
   *
   * @example
   * ```ts
   * import { MetricsRegistry } from "@kiln/host";
   * import { assertStringIncludes } from "@std/assert";
   *
   * const text = new MetricsRegistry().toPrometheus();
   * assertStringIncludes(text, "# TYPE polkadot_pvf_execution_time histogram\n");
   * ```
   */
  toPrometheus(): string {
    const counters = texts(this.#counters, "counter", ({ labels, value }) => [{ labels, value }]);
    return [...counters, ...texts(this.#histograms, "histogram", histogramLines)].join("");
  }
}

/** A histogram's numbers while they grow. */
interface Histogram {
  readonly buckets: { readonly atMost: number; count: number }[];
  sum: number;
  count: number;
}

function newHistogram({ buckets }: HistogramDefinition): Histogram {
  return { buckets: buckets.map((atMost) => ({ atMost, count: 0 })), sum: 0, count: 0 };
}

type AllSeries<N extends string, T> = ReadonlyMap<N, Series<T>>;

function seriesOf<N extends string, D extends MetricDefinition, T>(
  definitions: Readonly<Record<N, D>>,
  start: (definition: D) => T,
): AllSeries<N, T> {
  const entries = Object.entries(definitions) as [N, D][];
  return new Map(entries.map(([name, definition]) => [name, new Series(definition, () => start(definition))]));
}

function find<N extends string, T>(all: AllSeries<N, T>, name: N): Series<T> {
  const series = all.get(name);
  if (!series) throw new TypeError(`Cannot use the metric "${name}": one of ${[...all.keys()].join(", ")} wanted`);
  return series;
}

function samples<N extends string, T extends object>(all: AllSeries<N, T>): ({ name: N; labels: MetricLabels } & T)[] {
  return Array.from(all, ([name, series]) => Array.from(series, (each) => ({ name, ...each }))).flat();
}

function texts<T>(
  all: AllSeries<string, T>,
  type: string,
  lines: (numbers: { labels: MetricLabels } & T) => Sample[],
): string[] {
  return Array.from(all, ([name, series]) => exposition(name, type, series.help, Array.from(series, lines).flat()));
}

function histogramLines({ labels, buckets, sum, count }: { labels: MetricLabels } & Histogram): Sample[] {
  const bucket = (le: string, value: number): Sample => ({ suffix: "_bucket", labels: { ...labels, le }, value });
  return [
    ...buckets.map(({ atMost, count }) => bucket(String(atMost), count)),
    bucket("+Inf", count),
    { suffix: "_sum", labels, value: sum },
    { suffix: "_count", labels, value: count },
  ];
}
