/** `kiln doctor`, as a person or a script runs it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CAPABILITIES } from "../../src/security.ts";
import { outerTest, PATHS } from "./bubblewrap.ts";
import { deno, type Finished, hostGrants, resolutionFlags, ROOT } from "./deno_process.ts";
import { processesWith } from "./processes.ts";
import { hostDirectories } from "./with_host.ts";

/** Runs the command with a host's grants and, if that is wanted, with the one for the outer sandbox. */
async function doctor(args: string[], extraPrograms: string[] = []): Promise<Finished> {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  const cache = `${directory}/cache`;
  try {
    const grants = hostGrants(cache).map((flag) =>
      flag.startsWith("--allow-run=") ? [flag, ...extraPrograms].join(",") : flag
    );
    const flags = ["run", "--quiet", "--no-check", ...resolutionFlags(), ...grants, `${ROOT}src/cli/main.ts`];
    const finished = await deno([...flags, "doctor", `--cache=${cache}`, ...args]);
    assertEquals(processesWith(directory), []);
    assertEquals(hostDirectories(cache), []);
    return finished;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

outerTest("kiln doctor says that everything is enforced where it is, and ends with 0", async () => {
  const { code, stdout, stderr } = await doctor([], [PATHS.bubblewrapPath]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout.match(/ enforced /g)?.length, CAPABILITIES.length, stdout);
  assertStringIncludes(stdout, "A host with secureMode: true starts here.");
  for (const line of stdout.split("\n")) assert(line.length <= 100, line);
});

Deno.test("kiln doctor says what is missing and how to get it, and ends with 1 where secure mode would refuse", async () => {
  const { code, stdout, stderr } = await doctor([]);
  assertEquals([code, stderr], [1, ""]);
  assertMatch(stdout, /is in namespaces of its own +MISSING +Cannot use the outer sandbox/);
  assertStringIncludes(stdout, `--allow-run=${PATHS.bubblewrapPath}`);
  assertStringIncludes(stdout, "How to get it: Install the package bubblewrap");
  assertMatch(stdout, /has no network +enforced +connect to 127.0.0.1:2, fetch from/);
  assertStringIncludes(stdout, "does not start here");
});

Deno.test("kiln doctor --json prints one object with every check", async () => {
  const { code, stdout } = await doctor(["--json", "--sandbox=none"]);
  assertEquals(code, 1);
  const found = JSON.parse(stdout);
  assertEquals(Object.keys(found), ["kind", "secureModeStarts", "versions", "status", "checks", "problems"]);
  assertEquals([found.kind, found.secureModeStarts], ["doctor", false]);
  assertEquals(found.checks.map(({ capability }: { capability: string }) => capability), [...CAPABILITIES]);
  assertEquals(found.problems.map(({ capability }: { capability: string }) => capability), [
    "canIsolateSystem",
    "canBoundResources",
  ]);
});

Deno.test("kiln doctor ends with 3 and the reason where bubblewrap is insisted on and cannot be used", async () => {
  const { code, stdout, stderr } = await doctor(["--sandbox=bubblewrap"]);
  assertEquals([code, stdout], [3, ""]);
  assertStringIncludes(stderr, "kiln: Cannot use the outer sandbox: Deno was not given --allow-run=");
});
