/** What a host is doing at one moment. */
import type { HostQueues } from "./host_queues.ts";
import { EXECUTION_CLASSES, type ExecutionClass } from "./queue/fairness.ts";
import type { WorkerCounts } from "./queue/worker_queue.ts";
import type { ArtifactState } from "./registry/artifact.ts";
import type { ArtifactRegistry } from "./registry/registry.ts";

/**
 * What a host is doing at one moment.
 *
 * @example How much of the host is in use
 * ```ts
 * import { type HostSnapshot, ValidationHost } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * await using host = await ValidationHost.start({ cachePath: await Deno.makeTempDir() });
 * const { executeWorkers, waitingExecutions }: HostSnapshot = host.snapshot();
 * assertEquals([executeWorkers.busy, waitingExecutions.dispute], [0, 0]);
 * ```
 */
export interface HostSnapshot {
  /** The prepare workers, and how many preparations wait for one. */
  readonly prepareWorkers: WorkerCounts;
  /** The execute workers, and how many executions wait for one. */
  readonly executeWorkers: WorkerCounts;
  /** How many executions of each class wait for a worker. */
  readonly waitingExecutions: Readonly<Record<ExecutionClass, number>>;
  /** How many artifacts there are in each state, and how many bytes the prepared ones take. */
  readonly artifacts: Readonly<Record<ArtifactState["state"], number>> & { readonly bytes: number };
}

/** Counts. */
export function takeSnapshot(queues: HostQueues, registry: ArtifactRegistry): HostSnapshot {
  const waiting = countBy(EXECUTION_CLASSES, queues.executeSchedule, (entry) => entry.executionClass);
  const states = countBy(["preparing", "prepared", "failed"] as const, registry.entries(), ([, { state }]) => state);
  return {
    prepareWorkers: queues.prepare.counts,
    executeWorkers: queues.execute.counts,
    waitingExecutions: waiting,
    artifacts: { ...states, bytes: registry.bytes },
  };
}

function countBy<K extends string, T>(
  keys: readonly K[],
  items: Iterable<T>,
  keyOf: (item: T) => K,
): Record<K, number> {
  const counts = Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
  for (const item of items) counts[keyOf(item)]++;
  return counts;
}
