const DEFAULT_MAX_FAILED_ENTRIES = 1000;
const DEFAULT_MAX_ARTIFACT_BYTES = 128 * 1024 * 1024;

/**
 * How to open an `ArtifactRegistry`.
 *
 * @example A registry on a clock that stands still
 * ```ts
 * import { ArtifactRegistry, type ArtifactRegistryOptions } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const options: ArtifactRegistryOptions = { path: await Deno.makeTempDir(), now: () => 0 };
 * await using registry = await ArtifactRegistry.open(options);
 * assertEquals(registry.size, 0);
 * ```
 */
export interface ArtifactRegistryOptions {
  /**
   * The cache directory, created with its parents if it is not there. Must not contain a comma, which Deno's flags read
   * as a separator, nor lie below /dev, /proc or /sys, which Deno opens to nobody but who may do everything.
   */
  readonly path: string;
  /**
   * The clock that ages are taken from, in milliseconds since any time.
   *
   * @default {performance.now()}
   */
  readonly now?: () => number;
  /**
   * Gives that many bytes that nobody can predict. File names are made of them.
   *
   * @default {crypto.getRandomValues()}
   */
  readonly randomBytes?: (length: number) => Uint8Array;
  /**
   * How many failed preparations are remembered, at least 1. Beyond it the oldest failure is forgotten, and the
   * artifact may be inserted anew.
   *
   * @default {1000}
   */
  readonly maxFailedEntries?: number;
  /**
   * The largest artifact to take over from a worker, in bytes.
   *
   * @default {134217728}
   */
  readonly maxArtifactBytes?: number;
}

/** The options with their defaults; the path is decided by opening the directory. */
export type ResolvedRegistryOptions = Readonly<Required<Omit<ArtifactRegistryOptions, "path">>>;

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} If a limit is not a whole number of at least 1.
 */
export function resolveRegistryOptions(options: ArtifactRegistryOptions): ResolvedRegistryOptions {
  const {
    // Not the time of day, which may be set back or forth while a host runs.
    now = () => performance.now(),
    randomBytes = (length) => crypto.getRandomValues(new Uint8Array(length)),
    maxFailedEntries = DEFAULT_MAX_FAILED_ENTRIES,
    maxArtifactBytes = DEFAULT_MAX_ARTIFACT_BYTES,
  } = options;
  assertWhole("maxFailedEntries", maxFailedEntries, 1);
  assertWhole("maxArtifactBytes", maxArtifactBytes, 1);
  return { now, randomBytes, maxFailedEntries, maxArtifactBytes };
}

/**
 * Lets whole numbers of at least `least` pass.
 *
 * @throws {RangeError} If `value` is another number.
 */
export function assertWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`Cannot use ${name}: found ${value}, a whole number of at least ${least} wanted`);
}
