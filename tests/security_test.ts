import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  assertSecure,
  assess,
  CAPABILITIES,
  InsecureError,
  isTolerated,
  NO_SECURITY,
  type SecurityCapability,
  type SecurityFindings,
} from "../src/security.ts";

/** What is found where these are missing. */
function missing(...names: SecurityCapability[]): SecurityFindings {
  const found = CAPABILITIES.map((each) => {
    const fault = names.includes(each) ? `${each} is missing` : undefined;
    return [each, { tried: [`try ${each}`], fault }];
  });
  return Object.fromEntries(found) as SecurityFindings;
}

/** Every set of capabilities. */
function* subsets(): Generator<SecurityCapability[]> {
  for (let mask = 0; mask < 2 ** CAPABILITIES.length; mask++) {
    yield CAPABILITIES.filter((_, index) => mask & 1 << index);
  }
}

/** The table of the documentation, said once more in other words. */
function isToleratedByTheTable(capability: SecurityCapability, gone: readonly SecurityCapability[]): boolean {
  if (capability === "canBoundResources") return !gone.includes("canWatchFromInside");
  const waysOut: SecurityCapability[] = ["canDenyNetwork", "canDenyImports", "canDenyProcesses", "canDenyNativeCode"];
  return capability === "canDenyEnvironment" && !waysOut.some((way) => gone.includes(way));
}

Deno.test("the default status is that nothing is there", () => {
  assertEquals(Object.keys(NO_SECURITY).sort(), [...CAPABILITIES, "secureMode"].sort());
  assertEquals(Object.values(NO_SECURITY).filter((value) => value !== false), []);
});

Deno.test("assess() tolerates what the table says, whatever else is missing", () => {
  for (const gone of subsets()) {
    const { status, checks, problems } = assess(missing(...gone), true);
    assertEquals(
      checks,
      CAPABILITIES.map((capability) => ({
        capability,
        holds: !gone.includes(capability),
        tried: [`try ${capability}`],
      })),
    );
    assertEquals(CAPABILITIES.filter((each) => !status[each]), gone);
    assertEquals(problems.map(({ capability }) => capability), gone);
    for (const { capability, tolerated } of problems) {
      assertEquals(tolerated, isToleratedByTheTable(capability, gone), `${capability} of ${gone}`);
      assertEquals(tolerated, isTolerated(capability, status));
    }
  }
});

Deno.test("assertSecure() refuses in secure mode what is not tolerated, and nothing otherwise", () => {
  for (const gone of subsets()) {
    assertSecure(assess(missing(...gone), false));
    const isFine = gone.every((each) => isToleratedByTheTable(each, gone));
    const check = (): void => assertSecure(assess(missing(...gone), true));
    if (isFine) check();
    else assertThrows(check, InsecureError);
  }
});

Deno.test("InsecureError tells of every problem in one message, with what to do and how to go on without", () => {
  const report = assess(missing("canDenyImports", "canDenyStorage", "canWatchFromInside"), true);
  const { message, problems } = assertThrows(() => assertSecure(report), InsecureError);
  assertEquals(problems, report.problems);
  const lines = message.split("\n");
  assertEquals(lines[0], "Cannot start in secure mode: found 3 of its needs unmet, none wanted");
  assertStringIncludes(lines[1] ?? "", "- canDenyImports: canDenyImports is missing. Use a deno as it was released");
  assertStringIncludes(lines[2] ?? "", "- canDenyStorage: ");
  assertStringIncludes(lines[3] ?? "", "- canWatchFromInside: ");
  assertStringIncludes(lines[4] ?? "", "secureMode: false");
  assertEquals(lines.length, 5);
});
