/** What only a sandbox around Deno closes, as it is without one and with one. */
import { assertEquals } from "@std/assert";
import { wrapInBubblewrap } from "./deno_wrapper.ts";
import { groupsFor, resources } from "./groups.ts";
import { GAPS } from "./outer.ts";
import { inWorkers, makeAttempts } from "./runner.ts";

/** Why bubblewrap cannot be used here; `undefined` if it can. */
async function bubblewrapFault(): Promise<string | undefined> {
  try {
    const args = ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/true"];
    const { success, stderr } = await new Deno.Command("bwrap", { args }).output();
    return success ? undefined : `bwrap cannot be used: ${new TextDecoder().decode(stderr).trim()}`;
  } catch {
    return "bwrap is not installed";
  }
}

const fault = await bubblewrapFault();
const ignored = fault === undefined ? {} : { ignore: true };
const because = fault === undefined ? "" : ` (ignored: ${fault})`;

/** Runs with a `deno` that starts in bubblewrap. */
async function inBubblewrap(use: (denoPath: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kiln-outer-" });
  try {
    await use(await wrapInBubblewrap(directory));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

for (const [name, gap] of Object.entries(GAPS)) {
  Deno.test(`without an outer sandbox a worker can ${name}`, async () => {
    await inWorkers("execute", {}, async (room) => assertEquals(await gap.isOpen(room), true, gap.truth));
  });

  Deno.test(`in bubblewrap no worker can ${name}${because}`, ignored, async () => {
    await inBubblewrap(async (denoPath) => {
      await inWorkers("execute", { denoPath }, async (room) => assertEquals(await gap.isOpen(room), false));
    });
  });
}

for (const place of ["execute", "prepare"] as const) {
  Deno.test(
    `in bubblewrap no attempt to leave the sandbox succeeds in ${place} workers${because}`,
    ignored,
    async () => {
      await inBubblewrap(async (denoPath) => {
        assertEquals(await makeAttempts(groupsFor(place), place, { denoPath }), []);
        assertEquals(await makeAttempts([resources], place, { denoPath, timeoutMs: 300 }), []);
      });
    },
  );
}
