/** A host on a fresh cache directory, and what every test expects of its end. */
import { assertEquals } from "@std/assert";
import type { HostOptions } from "../../src/options.ts";
import { ValidationHost } from "../../src/host.ts";
import { processesWith } from "./processes.ts";
import { SCRIPT_ENGINE } from "./script_engine.ts";

/** Directories that only a running host may have. */
export function hostDirectories(cachePath: string): string[] {
  return Array.from(Deno.readDirSync(cachePath)).filter((entry) => entry.isDirectory).map((entry) => entry.name);
}

/** Runs `test` on a host, closes the host, and checks that it left no process and no directory behind. */
export async function withHost(
  options: Partial<HostOptions>,
  test: (host: ValidationHost, cachePath: string) => Promise<void>,
): Promise<void> {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    const host = await ValidationHost.start({ cachePath, spawnTimeoutMs: 20_000, spareExecuteWorkers: 0, ...options });
    try {
      await test(host, cachePath);
    } finally {
      await host.close();
    }
    assertEquals(processesWith(cachePath), []);
    assertEquals(hostDirectories(cachePath), []);
    const names = Array.from(Deno.readDirSync(cachePath), (entry) => entry.name);
    assertEquals(names.filter((name) => name.startsWith("worker-dir") || name === "kiln.lock"), []);
  } finally {
    await Deno.remove(cachePath, { recursive: true });
  }
}

/** The same, with workers whose code is JavaScript. */
export function withScriptHost(
  options: Partial<HostOptions>,
  test: (host: ValidationHost, cachePath: string) => Promise<void>,
): Promise<void> {
  return withHost({ engineSource: SCRIPT_ENGINE, ...options }, test);
}
