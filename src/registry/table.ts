/**
 * The states of artifacts, in memory:
 *
 * 1. An artifact that is not in the table is inserted as preparing.
 * 2. What is being prepared becomes prepared or failed, which nothing else does, or is forgotten if nothing came of it.
 * 3. What failed may be prepared again, and keeps the count of its failures. Of too many failures the oldest is
 *    forgotten.
 * 4. What is prepared is taken out when nobody needed it for long, or when its file turned out to be bad.
 */

import type { PrepareError } from "../prepare_error.ts";
import {
  type ArtifactFile,
  type ArtifactId,
  artifactKey,
  type ArtifactState,
  type PreparedArtifact,
  type PrepareLimits,
} from "./artifact.ts";

interface Entry {
  readonly id: ArtifactId;
  readonly state: ArtifactState;
}

interface PreparedEntry extends Entry {
  readonly state: PreparedArtifact;
}

/** What {@linkcode ArtifactTable} is made with. */
export interface ArtifactTableOptions {
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** How many failures are remembered. */
  readonly maxFailedEntries: number;
}

/** An artifact that was taken out of the table. */
export interface TakenArtifact {
  readonly id: ArtifactId;
  readonly path: string;
  readonly sizeBytes: number;
}

/** Whether a job waits for an artifact or runs it. */
export type InUse = (id: ArtifactId) => boolean;

/** The states of artifacts, by id. States are immutable values: a transition puts another one in their place. */
export class ArtifactTable {
  readonly #now: () => number;
  readonly #maxFailedEntries: number;
  readonly #entries = new Map<string, Entry>();
  /** The keys of the failed entries, the oldest failure first. */
  readonly #failedKeys = new Set<string>();

  constructor(options: ArtifactTableOptions) {
    this.#now = options.now;
    this.#maxFailedEntries = options.maxFailedEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#preparedEntries().reduce((sum, { state }) => sum + state.sizeBytes, 0);
  }

  get(id: ArtifactId): ArtifactState | undefined {
    return this.#entries.get(artifactKey(id))?.state;
  }

  *entries(): Generator<[ArtifactId, ArtifactState], void, undefined> {
    for (const { id, state } of this.#entries.values()) yield [id, state];
  }

  /** Whether a prepared entry names `path`. */
  hasFile(path: string): boolean {
    return this.#preparedEntries().some(({ state }) => state.path === path);
  }

  insertPreparing(id: ArtifactId, numFailures: number): void {
    this.#expect(id, "absent");
    this.#set(id, { state: "preparing", numFailures });
  }

  retryPreparing(id: ArtifactId): void {
    const { numFailures } = this.#expect(id, "failed");
    this.#set(id, { state: "preparing", numFailures });
  }

  insertPrepared(id: ArtifactId, file: ArtifactFile): void {
    this.#expect(id, "absent");
    this.#setPrepared(id, file);
  }

  setPrepared(id: ArtifactId, file: ArtifactFile): void {
    this.#expect(id, "preparing");
    this.#setPrepared(id, file);
  }

  setFailed(id: ArtifactId, error: PrepareError, limits: PrepareLimits = "compile"): void {
    const { numFailures } = this.#expect(id, "preparing");
    this.#set(id, { state: "failed", lastFailed: this.#now(), numFailures: numFailures + 1, error, limits });
    const [oldest] = this.#failedKeys;
    if (this.#failedKeys.size > this.#maxFailedEntries && oldest !== undefined) this.#delete(oldest);
  }

  abandonPreparing(id: ArtifactId): void {
    this.#expect(id, "preparing");
    this.#delete(artifactKey(id));
  }

  /** Whether `id` is prepared; if so, it is needed now. */
  touch(id: ArtifactId): boolean {
    const state = this.get(id);
    if (state?.state !== "prepared") return false;
    this.#set(id, { ...state, lastNeeded: this.#now() });
    return true;
  }

  /** Takes a prepared entry out, if there is one, and if it names `path` where that is given. */
  take(id: ArtifactId, path?: string): TakenArtifact | undefined {
    const entry = this.#entries.get(artifactKey(id));
    if (entry === undefined || !isPrepared(entry)) return undefined;
    return path === undefined || path === entry.state.path ? this.#take(entry) : undefined;
  }

  /** Takes the prepared entries out that nobody needed for more than `ttlMs`. */
  takeStale(ttlMs: number, isInUse: InUse = nobodyNeedsIt): TakenArtifact[] {
    const now = this.#now();
    // A clock that went backwards gives negative ages, which no TTL is below.
    const stale = this.#preparedEntries().filter(({ id, state }) => now - state.lastNeeded > ttlMs && !isInUse(id));
    return stale.map((entry) => this.#take(entry));
  }

  /** Takes the least recently needed entries out while all together are over the limit, up to the first that is too young. */
  takeOverLimit(limitBytes: number, minStaleMs: number, isInUse: InUse = nobodyNeedsIt): TakenArtifact[] {
    const now = this.#now();
    const taken: TakenArtifact[] = [];
    let bytes = this.bytes;
    for (const entry of this.#preparedEntries().sort((a, b) => a.state.lastNeeded - b.state.lastNeeded)) {
      if (bytes <= limitBytes || now - entry.state.lastNeeded < minStaleMs) break;
      if (isInUse(entry.id)) continue;
      bytes -= entry.state.sizeBytes;
      taken.push(this.#take(entry));
    }
    return taken;
  }

  #take({ id, state }: PreparedEntry): TakenArtifact {
    this.#delete(artifactKey(id));
    return { id, path: state.path, sizeBytes: state.sizeBytes };
  }

  #preparedEntries(): PreparedEntry[] {
    return this.#entries.values().filter(isPrepared).toArray();
  }

  /** The state of `id`, which must be the one wanted. */
  #expect<S extends ArtifactState["state"]>(id: ArtifactId, wanted: S): Extract<ArtifactState, { state: S }>;
  #expect(id: ArtifactId, wanted: "absent"): undefined;
  #expect(id: ArtifactId, wanted: string): ArtifactState | undefined {
    const state = this.get(id);
    const found = state?.state ?? "absent";
    if (found === wanted) return state;
    throw new Error(`Cannot change the state of the artifact ${artifactKey(id)}: found it ${found}, ${wanted} wanted`);
  }

  #setPrepared(id: ArtifactId, file: ArtifactFile): void {
    const { path, sizeBytes, stats } = file;
    // The bytes are copied because their owner may change them.
    const checksum = file.checksum.slice();
    this.#set(id, { state: "prepared", path, checksum, sizeBytes, stats, lastNeeded: this.#now() });
  }

  #set(id: ArtifactId, state: ArtifactState): void {
    const key = artifactKey(id);
    this.#entries.set(key, { id: { codeHash: id.codeHash, prepHash: id.prepHash }, state });
    if (state.state === "failed") this.#failedKeys.add(key);
    else this.#failedKeys.delete(key);
  }

  #delete(key: string): void {
    this.#entries.delete(key);
    this.#failedKeys.delete(key);
  }
}

function nobodyNeedsIt(): boolean {
  return false;
}

function isPrepared(entry: Entry): entry is PreparedEntry {
  return entry.state.state === "prepared";
}
