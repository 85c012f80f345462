/** The numbers of one metric, for each set of labels that was seen. */
import type { MetricLabels } from "../metrics.ts";
import type { MetricDefinition } from "./definitions.ts";

/** Stands for every value that the metric does not know, so that nobody can make it grow by making up values. */
const OTHER = "other";

/** Numbers by labels. */
export class Series<T> {
  readonly #definition: MetricDefinition;
  readonly #start: () => T;
  readonly #numbers = new Map<string, { readonly labels: MetricLabels; readonly numbers: T }>();

  /** `start` gives the numbers of a set of labels that was not seen before. Without labels there is but one set, at once. */
  constructor(definition: MetricDefinition, start: () => T) {
    this.#definition = definition;
    this.#start = start;
    if (Object.keys(definition.labels).length === 0) this.at({});
  }

  get help(): string {
    return this.#definition.help;
  }

  /** The numbers for these labels, to be changed. */
  at(given: MetricLabels): T {
    const labels = this.#known(given);
    const key = JSON.stringify(labels);
    const found = this.#numbers.get(key) ?? { labels, numbers: this.#start() };
    this.#numbers.set(key, found);
    return found.numbers;
  }

  /** Every set of labels with its numbers. */
  *[Symbol.iterator](): Generator<{ labels: MetricLabels } & T> {
    for (const { labels, numbers } of this.#numbers.values()) yield { labels, ...numbers };
  }

  /** In the definition's order, whatever order they were given in. One that is not given is not there. */
  #known(given: MetricLabels): MetricLabels {
    const known = Object.entries(this.#definition.labels).flatMap(([name, values]) => {
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      return value === undefined ? [] : [[name, values.includes(value) ? value : OTHER]];
    });
    return Object.fromEntries(known);
  }
}
