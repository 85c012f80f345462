/** The text in which Prometheus reads metrics: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4. */
import type { MetricLabels } from "../metrics.ts";

/** One line: what a metric says of one set of labels. */
export interface Sample {
  /** What is added to the metric's name: `_bucket`, `_sum`, `_count`, or nothing. */
  readonly suffix?: string;
  readonly labels: MetricLabels;
  readonly value: number;
}

/** The lines of one metric. */
export function exposition(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ suffix = "", labels, value }) => `${name}${suffix}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
