import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type CounterName, type HistogramName, type MetricLabels, NO_METRICS } from "../src/metrics.ts";
import { COUNTERS, HISTOGRAMS } from "../src/metrics/definitions.ts";
import { exposition } from "../src/metrics/exposition.ts";
import { MetricsRegistry } from "../src/metrics/metrics_registry.ts";

const counterNames = Object.keys(COUNTERS) as CounterName[];
const histogramNames = Object.keys(HISTOGRAMS) as HistogramName[];

/** The lines of the text that begin with `name`. */
function linesOf(metrics: MetricsRegistry, name: string): string[] {
  return metrics.toPrometheus().split("\n").filter((line) => line.startsWith(name));
}

Deno.test("NO_METRICS takes everything and keeps nothing", () => {
  for (const name of counterNames) NO_METRICS.count(name, { reason: "x" });
  for (const name of histogramNames) NO_METRICS.observe(name, NaN);
});

Deno.test("count() counts by labels, in whatever order they are given", () => {
  const metrics = new MetricsRegistry();
  metrics.count("polkadot_pvf_worker_retired", { flavor: "execute", reason: "idle" });
  metrics.count("polkadot_pvf_worker_retired", { reason: "idle", flavor: "execute" });
  metrics.count("polkadot_pvf_worker_retired", { flavor: "prepare", reason: "died" });
  assertEquals(linesOf(metrics, "polkadot_pvf_worker_retired"), [
    'polkadot_pvf_worker_retired{flavor="execute",reason="idle"} 2',
    'polkadot_pvf_worker_retired{flavor="prepare",reason="died"} 1',
  ]);
});

Deno.test("a label that is not given is not there", () => {
  const metrics = new MetricsRegistry();
  metrics.count("polkadot_pvf_execute_finished", { kind: "valid" });
  assertEquals(linesOf(metrics, "polkadot_pvf_execute_finished"), ['polkadot_pvf_execute_finished{kind="valid"} 1']);
});

Deno.test("made-up labels and values do not make the registry grow", () => {
  const metrics = new MetricsRegistry();
  for (let index = 0; index < 1_000; index++) {
    const labels: MetricLabels = {
      kind: `kind ${index}`,
      reason: `reason ${index}`,
      [`label ${index}`]: "x",
    };
    for (const name of counterNames) metrics.count(name, labels);
    for (const name of histogramNames) metrics.observe(name, 1, { compressed: `${index}` });
  }
  const { counters, histograms } = metrics.snapshot();
  assertEquals([counters.length, histograms.length], [counterNames.length, histogramNames.length]);
  assertEquals(linesOf(metrics, "polkadot_pvf_execute_finished"), [
    'polkadot_pvf_execute_finished{kind="other",reason="other"} 1000',
  ]);
});

Deno.test("observe() sorts a value into every bucket that it is not too large for", () => {
  const metrics = new MetricsRegistry();
  for (const seconds of [0.01, 0.011, 12, 13]) metrics.observe("polkadot_pvf_execution_time", seconds);
  const lines = linesOf(metrics, "polkadot_pvf_execution_time");
  assertEquals(lines[0], 'polkadot_pvf_execution_time_bucket{le="0.01"} 1');
  assertEquals(lines[1], 'polkadot_pvf_execution_time_bucket{le="0.025"} 2');
  assertEquals(lines.slice(-4), [
    'polkadot_pvf_execution_time_bucket{le="12"} 3',
    'polkadot_pvf_execution_time_bucket{le="+Inf"} 4',
    "polkadot_pvf_execution_time_sum 25.021",
    "polkadot_pvf_execution_time_count 4",
  ]);
});

Deno.test("observe() gives each set of labels its own buckets, with le last", () => {
  const metrics = new MetricsRegistry();
  const name = "polkadot_parachain_candidate_validation_pov_size";
  metrics.observe(name, 16_384, { compressed: "true" });
  metrics.observe(name, 16_385, { compressed: "false" });
  const lines = linesOf(metrics, name);
  assert(lines.includes(`${name}_bucket{compressed="true",le="16384"} 1`));
  assert(lines.includes(`${name}_bucket{compressed="false",le="16384"} 0`));
  assert(lines.includes(`${name}_sum{compressed="false"} 16385`));
});

Deno.test("observe() leaves out what is no measurement", () => {
  const metrics = new MetricsRegistry();
  for (const value of [NaN, Infinity, -Infinity, -1]) metrics.observe("polkadot_pvf_preparation_time", value);
  assertEquals(linesOf(metrics, "polkadot_pvf_preparation_time_count"), ["polkadot_pvf_preparation_time_count 0"]);
});

Deno.test("a name that is none is refused", () => {
  const metrics = new MetricsRegistry();
  for (const name of ["no_such_metric", "__proto__", "polkadot_pvf_execution_time"]) {
    assertThrows(() => metrics.count(name as CounterName), TypeError, `Cannot use the metric "${name}"`);
  }
  assertThrows(() => metrics.observe("polkadot_pvf_worker_retired" as HistogramName, 1), TypeError);
});

Deno.test("snapshot() is a copy, with the numbers of toPrometheus()", () => {
  const metrics = new MetricsRegistry();
  metrics.observe("polkadot_pvf_preparation_time", 0.5);
  const before = metrics.snapshot();
  metrics.observe("polkadot_pvf_preparation_time", 0.5);
  metrics.count("polkadot_pvf_prepare_enqueued");
  const [sample] = before.histograms.filter(({ name }) => name === "polkadot_pvf_preparation_time");
  assertEquals([sample?.count, sample?.sum, sample?.labels], [1, 0.5, {}]);
  assertEquals(sample?.buckets.slice(0, 2), [{ atMost: 0.1, count: 0 }, { atMost: 0.5, count: 1 }]);
  assertEquals(sample?.buckets.length, HISTOGRAMS.polkadot_pvf_preparation_time.buckets.length);
  const enqueued = before.counters.find(({ name }) => name === "polkadot_pvf_prepare_enqueued");
  assertEquals(enqueued, { name: "polkadot_pvf_prepare_enqueued", labels: {}, value: 0 });
});

Deno.test("toPrometheus() says of every metric what it is, before its samples", () => {
  const metrics = new MetricsRegistry();
  const text = metrics.toPrometheus();
  for (const name of counterNames) assertStringIncludes(text, `# TYPE ${name} counter\n`);
  for (const name of histogramNames) assertStringIncludes(text, `# TYPE ${name} histogram\n`);
  const [help, type, sample] = text.slice(text.indexOf("# HELP polkadot_pvf_prepare_enqueued")).split("\n");
  assertEquals(help, "# HELP polkadot_pvf_prepare_enqueued Preparations that were asked for");
  assertEquals(type, "# TYPE polkadot_pvf_prepare_enqueued counter");
  assertEquals(sample, "polkadot_pvf_prepare_enqueued 0");
  assert(text.endsWith("\n") && !text.includes("\n\n"));
});

Deno.test("every line of toPrometheus() is one that Prometheus can read", () => {
  const metrics = new MetricsRegistry();
  for (const name of counterNames) {
    metrics.count(name, Object.fromEntries(Object.keys(COUNTERS[name].labels).map((l) => [l, "x"])));
  }
  for (const name of histogramNames) metrics.observe(name, 1e21);
  const line = /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"\\\n]*",?)+\})? [0-9.e+]+)$/;
  for (const each of metrics.toPrometheus().trimEnd().split("\n")) assert(line.test(each), each);
});

Deno.test("exposition() escapes what would end a label or a line", () => {
  const labels: MetricLabels = { path: 'a"b\\c\nd' };
  const text = exposition("m", "counter", 'says "\\" and\n', [{ labels, value: 1 }]);
  assertEquals(text, '# HELP m says "\\\\" and\\n\n# TYPE m counter\nm{path="a\\"b\\\\c\\nd"} 1\n');
});

Deno.test("the buckets are upstream's", () => {
  assertEquals(HISTOGRAMS.polkadot_pvf_preparation_max_rss.buckets.at(-1), 8_192 * 512);
  assertEquals(HISTOGRAMS.polkadot_parachain_candidate_validation_code_size.buckets.slice(0, 2), [16_384, 32_768]);
  for (const { buckets } of Object.values(HISTOGRAMS)) {
    assertEquals([...buckets].sort((a, b) => a - b), [...buckets]);
  }
});
