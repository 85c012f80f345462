/** A host for a part of a run, and what it must not leave behind. */
import { type HostOptions, ValidationHost } from "../../mod.ts";
import { leftovers } from "./leftovers.ts";
import { within } from "./run_cases.ts";
import type { Tally } from "./tally.ts";

const CLOSE_LIMIT_MS = 30_000;

/** Runs `work` on a host with a fresh cache directory, and closes it. */
export async function onHost(
  options: Partial<HostOptions>,
  tally: Tally,
  work: (host: ValidationHost) => Promise<void>,
): Promise<void> {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-fuzz-" });
  const warn = (message: string, error: unknown): void => tally.violate(-1, "a warning", `${message}: ${error}`);
  const host = await ValidationHost.start({ cachePath, spawnTimeoutMs: 20_000, onWarning: warn, ...options });
  await work(host);
  const { busy, waiting } = host.snapshot().executeWorkers;
  if (busy + waiting > 0) tally.violate(-1, "at the end", `${busy} jobs run and ${waiting} wait`);
  await within(CLOSE_LIMIT_MS, host.close());
  const left = leftovers(cachePath);
  if (left.length > 0) tally.violate(-1, "at the end", `left behind: ${left.join(", ")}`);
  await Deno.remove(cachePath, { recursive: true });
}
