/** Removes artifacts that nobody needs any more: when asked to, and from time to time. */
import { type ArtifactId, artifactKey } from "./registry/artifact.ts";
import type { ArtifactRegistry, RemovedArtifact } from "./registry/registry.ts";

/** When pruning takes place, and what it takes. */
export interface PruningOptions {
  readonly intervalMs: number;
  readonly ttlMs: number;
  readonly maxBytes: number;
  readonly minStaleMs: number;
  readonly onPrune: (removed: readonly RemovedArtifact[]) => void;
  readonly onWarning: (message: string, error: unknown) => void;
}

/** The pruning of one host's registry. An artifact that a job waits for or runs stays, however old. */
export class Pruning implements Disposable {
  readonly #registry: ArtifactRegistry;
  readonly #options: PruningOptions;
  readonly #uses = new Map<string, number>();
  readonly #stop: () => void;

  constructor(registry: ArtifactRegistry, options: PruningOptions) {
    this.#registry = registry;
    this.#options = options;
    this.#stop = options.intervalMs === Infinity ? () => {} : everyInterval(options.intervalMs, () => this.#pulse());
  }

  /** Keeps an artifact for as long as `work` takes. */
  async inUse<T>(id: ArtifactId, work: () => Promise<T>): Promise<T> {
    const key = artifactKey(id);
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#uses.get(key) ?? 1) - 1;
      if (left > 0) this.#uses.set(key, left);
      else this.#uses.delete(key);
    }
  }

  /** Removes what nobody needed for more than `ttlMs`, then the least recently needed of what is over the size that is allowed. */
  async prune(ttlMs: number): Promise<RemovedArtifact[]> {
    const { maxBytes, minStaleMs, onPrune, onWarning } = this.#options;
    const isInUse = (id: ArtifactId): boolean => this.#uses.has(artifactKey(id));
    const removed = [
      ...await this.#registry.prune(ttlMs, isInUse),
      ...await this.#registry.pruneToSize(maxBytes, minStaleMs, isInUse),
    ];
    for (const { path, error } of removed) if (error) onWarning(`Cannot delete the artifact "${path}"`, error);
    if (removed.length > 0) onPrune(removed);
    return removed;
  }

  /** Ends the pruning from time to time. */
  [Symbol.dispose](): void {
    this.#stop();
  }

  #pulse(): void {
    this.prune(this.#options.ttlMs).catch((error) => this.#options.onWarning("Cannot prune the artifacts", error));
  }
}

function everyInterval(ms: number, callback: () => void): () => void {
  const interval = setInterval(callback, ms);
  // Waiting for the next time is no reason to keep a program alive.
  Deno.unrefTimer(interval);
  return () => clearInterval(interval);
}
