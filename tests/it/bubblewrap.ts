/** Whether the outer sandbox can be used on this machine, which tests of it ask first. */
import { OuterSandbox } from "../../src/worker_process/outer_sandbox.ts";

export const PATHS = { bubblewrapPath: "/usr/bin/bwrap", prlimitPath: "/usr/bin/prlimit" };

/** Wide enough to be in nobody's way. */
export const BOUNDS = { dataBytes: 8 * 2 ** 30, fileBytes: 2 ** 30 };

/** Why it cannot be used; `undefined` if it can. */
async function obstacle(): Promise<string | undefined> {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    const { unbounded } = await OuterSandbox.open(PATHS, { denoPath: Deno.execPath(), directory, bounds: BOUNDS });
    return unbounded;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const missing = await obstacle();

/** A test that needs it. Where it is missing, the test is ignored, and its name says why. */
export function outerTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (ignored: ${missing})`,
    ignore: missing !== undefined,
    fn,
  });
}
