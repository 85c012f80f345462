/** That the suite can fail: with a wall of the sandbox taken away it reports the attempts that the wall stops. */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { type Expected, type Group, isPermission, REFUSED } from "./attempt.ts";
import { type Change, wrapDeno } from "./deno_wrapper.ts";
import { environment } from "./environment.ts";
import { files } from "./files.ts";
import { GROUPS } from "./groups.ts";
import { imports } from "./imports.ts";
import { internals } from "./internals.ts";
import { network } from "./network.ts";
import { node } from "./node.ts";
import { persistence } from "./persistence.ts";
import { process } from "./process.ts";
import { type Finding, makeAttempts, named, type Place } from "./runner.ts";
import { wasm } from "./wasm.ts";

/** An attempt that goes through may wait for more to come. */
const TIMEOUT_MS = 500;

/** Whatever would go to the net goes to a port of loopback where nobody listens. */
const NOWHERE = "http://127.0.0.1:1";
const NO_NET = { HTTP_PROXY: NOWHERE, HTTPS_PROXY: NOWHERE, NPM_CONFIG_REGISTRY: NOWHERE, JSR_URL: `${NOWHERE}/` };

/** Makes attempts in workers that another `deno` runs: one that is wrapped so that its arguments are changed. */
async function attemptWith(
  groups: readonly Group[],
  place: Place,
  changes: readonly Change[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Finding[]> {
  const directory = await Deno.makeTempDir({ prefix: "kiln-canary-" });
  try {
    const environment = Object.fromEntries(
      Object.entries({ ...NO_NET, ...variables }).map(([name, value]) => [name, value.replace("{}", directory)]),
    );
    const denoPath = await wrapDeno(directory, changes, environment);
    return await makeAttempts(groups, place, { denoPath, timeoutMs: TIMEOUT_MS });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The attempts that are refused in this way. */
function refusedBy(groups: readonly Group[], refusal: Expected): string[] {
  return named(groups).filter(([, { expected }]) => expected === refusal).map(([name]) => name);
}

interface Canary {
  readonly place?: Place;
  readonly groups: readonly Group[];
  readonly change: Change;
  readonly refusal: Expected;
}

const CANARIES: readonly Canary[] = [
  {
    groups: [files, imports, internals],
    change: { pattern: "--allow-read=*", by: ["--allow-read"] },
    refusal: REFUSED.read,
  },
  {
    place: "prepare",
    groups: [files, persistence],
    change: { pattern: "--allow-write=*", by: ["--allow-write"] },
    refusal: REFUSED.write,
  },
  { groups: [network], change: { pattern: "--deny-net", by: ["--allow-net"] }, refusal: REFUSED.net },
  { groups: [process], change: { pattern: "--deny-run", by: ["--allow-run"] }, refusal: REFUSED.run },
  { groups: [environment], change: { pattern: "--deny-env", by: ["--allow-env"] }, refusal: REFUSED.env },
  { groups: [environment], change: { pattern: "--deny-sys", by: ["--allow-sys"] }, refusal: REFUSED.sys },
  { groups: [process, internals], change: { pattern: "--deny-ffi", by: ["--allow-ffi"] }, refusal: REFUSED.ffi },
  { groups: [imports], change: { pattern: "--deny-import", by: ["--allow-import"] }, refusal: REFUSED.import },
  { groups: [imports], change: { pattern: "--no-remote" }, refusal: REFUSED.noRemote },
  { groups: [imports], change: { pattern: "--no-npm" }, refusal: REFUSED.noNpm },
];

for (const { place = "execute", groups, change, refusal } of CANARIES) {
  assert(refusal.kind === "refused");
  const by = change.by?.join(" ") ?? "nothing";
  Deno.test(`with ${by} in the place of ${change.pattern} every attempt that is refused by ${refusal.by} is reported`, async () => {
    const found = new Set((await attemptWith(groups, place, [change])).map(({ attempt }) => attempt));
    const wanted = refusedBy(groups, refusal);
    assertGreaterOrEqual(wanted.length, 5);
    assertEquals(wanted.filter((name) => !found.has(name)), []);
  });
}

Deno.test("with a directory for Deno's caches every attempt to use the storage of the web is reported", async () => {
  const found = (await attemptWith([persistence], "execute", [], { DENO_DIR: "{}/cache" })).map(({ attempt }) =>
    attempt
  );
  const wanted = named([persistence]).map(([name]) => name).filter((name) => /localStorage, |caches/.test(name));
  assertEquals(wanted.length, 9);
  assertEquals(wanted.filter((name) => !found.includes(name)), []);
});

Deno.test("in a worker that may read and write in one place links and journals lead outside", async () => {
  const found = await attemptWith([wasm, node], "execute", [
    { pattern: "--allow-read=*", by: ["$arg", "--allow-write=${arg#*=}"] },
    { pattern: "--deny-write" },
  ]);
  const names = found.map(({ attempt }) => attempt);
  const escapes = named([wasm, node]).map(([name]) => name).filter((name) => /symbolically|forged journal/.test(name));
  assertEquals(escapes.length, 8);
  assertEquals(escapes.filter((name) => !names.includes(name)), []);
  const consequences = found.map(({ found }) => found).join();
  assert(consequences.includes("the secret is in the answer"));
  assert(consequences.includes("the file outside has another content"));
  assert(consequences.includes("the file outside cannot be read any more"));
});

/** What JavaScript says where an attempt does not even get to what it is about. */
const BROKEN =
  /is not a function|is not defined|Cannot read properties|is not a constructor|is not iterable|Cannot convert|Absent|SyntaxError/;

Deno.test("where everything is granted every attempt that lacks a permission goes as far as it can", async () => {
  const found = new Map(
    (await attemptWith(GROUPS, "execute", [{ pattern: "--allow-read=*", by: ["--allow-all"] }, {
      pattern: "--deny-*",
    }]))
      .map(({ attempt, found }) => [attempt, found]),
  );
  const attempts = named(GROUPS).filter(([, attempt]) => isPermission(attempt)).map(([name]) => name);
  assertGreaterOrEqual(attempts.length, 300);
  assertEquals(attempts.filter((name) => !found.has(name)), []);
  assertEquals(attempts.filter((name) => BROKEN.test(found.get(name) ?? "")), []);
});
