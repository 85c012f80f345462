/** What a real worker finds of its own sandbox, and that it notices when a wall is missing. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { toFileUrl } from "@std/path";
import { probeSecurity } from "../../src/probe_security.ts";
import {
  assertSecure,
  CAPABILITIES,
  InsecureError,
  NO_SECURITY,
  type SecurityCapability,
  type SecurityReport,
} from "../../src/security.ts";
import { deno, hostGrants, resolutionFlags, ROOT } from "./deno_process.ts";
import { Lab, NEVER } from "./lab.ts";
import { processesWith } from "./processes.ts";
import { wrapDeno } from "./sandbox/deno_wrapper.ts";

/** Probes on a fresh cache directory, with another `deno` if one is given, and checks that nothing is left. */
async function probe(denoPath = Deno.execPath(), signal = NEVER): Promise<SecurityReport> {
  await using lab = await Lab.open({ denoPath });
  const { mainPath: _, ...environment } = lab.environment;
  const before = entries(lab.cachePath);
  const programPath = lab.registry.newPath("kiln-worker-program-");
  try {
    return await probeSecurity({ environment, programPath, secureMode: true, signal });
  } finally {
    assertEquals(entries(lab.cachePath), before);
    assertEquals(processesWith(lab.cachePath), []);
  }
}

function entries(path: string): string[] {
  return Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
}

/** What a worker that is not wrapped lacks, whatever else. */
const OUTER: readonly SecurityCapability[] = ["canIsolateSystem", "canBoundResources"];

/** A status in which all is well within Deno's own walls but `missing`. */
function allBut(...missing: SecurityCapability[]): Record<SecurityCapability, boolean> & { secureMode: boolean } {
  const found = CAPABILITIES.map((each) => [each, ![...OUTER, ...missing].includes(each)]);
  return { ...NO_SECURITY, secureMode: true, ...Object.fromEntries(found) };
}

Deno.test("probeSecurity() finds that a worker as production starts it has every capability that Deno gives", async () => {
  const report = await probe();
  assertEquals(report.problems.map(({ capability }) => capability), [...OUTER]);
  assertEquals(report.status, allBut());
  for (const { capability, holds, tried } of report.checks) {
    assertEquals(holds, !OUTER.includes(capability), capability);
    assertEquals(tried.length > 0, holds, capability);
  }
});

/** What a wrapper around `deno` does to the command of a worker: the capability that this takes away, and what the probe notices. */
interface Canary {
  readonly capability: SecurityCapability;
  /** A pattern of the shell, and what is put in the place of the argument that it fits; nothing if that is left out. */
  readonly flag?: readonly [pattern: string, replacement?: string];
  /** Sets an environment variable. */
  readonly variable?: string;
  readonly notices: RegExp;
}

const CANARIES: readonly Canary[] = [
  {
    capability: "canConfineReads",
    flag: ["--allow-read=*", "--allow-read"],
    notices: /^read a file: it was let through/,
  },
  { capability: "canConfineWrites", flag: ["--allow-write=*", "--allow-write"], notices: /^write a file: it was let / },
  { capability: "canDenyNetwork", flag: ["--deny-net", "--allow-net"], notices: /^connect to .* ConnectionRefused/ },
  { capability: "canDenyProcesses", flag: ["--deny-run", "--allow-run"], notices: /^run deno: it was let through/ },
  { capability: "canDenyEnvironment", flag: ["--deny-env", "--allow-env"], notices: /^read a variable: it was let / },
  {
    capability: "canDenyEnvironment",
    flag: ["--deny-sys", "--allow-sys"],
    notices: /^read the host name: it was let /,
  },
  {
    capability: "canDenyImports",
    flag: ["--no-remote"],
    notices: /^import from the net: found TypeError: Failed reading /,
  },
  { capability: "canDenyImports", flag: ["--no-npm"], notices: /^import from npm: it was let through/ },
  { capability: "canDenyNativeCode", flag: ["--deny-ffi", "--allow-ffi"], notices: /^load a native library: found / },
  {
    capability: "canDenyStorage",
    variable: "DENO_DIR",
    notices: /^keep something in localStorage: it was let through/,
  },
];

/** A program that starts `deno` as the canary says. */
function writeWrapper(directory: string, { flag, variable }: Canary): Promise<string> {
  const [pattern, replacement] = flag ?? [];
  const changes = pattern === undefined ? [] : [{ pattern, by: replacement === undefined ? [] : [replacement] }];
  return wrapDeno(directory, changes, variable === undefined ? {} : { [variable]: `${directory}/${variable}` });
}

for (const canary of CANARIES) {
  const { capability, flag, variable, notices } = canary;
  const [pattern, replacement] = flag ?? [];
  const flags = replacement === undefined ? `without ${pattern}` : `with ${replacement} for ${pattern}`;
  const change = variable === undefined ? flags : `with another ${variable}`;
  Deno.test(`probeSecurity() notices that a worker ${change} lacks ${capability}, and nothing else`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "kiln-canary-" });
    try {
      const report = await probe(await writeWrapper(directory, canary));
      assertEquals(report.status, allBut(capability), JSON.stringify(report.problems));
      assertMatch(report.problems[0]?.message ?? "", notices);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("probeSecurity() finds nothing, and says why, where no worker can be started", async () => {
  const report = await probe("/nonexistent/deno");
  assertEquals(report.status, { ...NO_SECURITY, secureMode: true });
  assertEquals(report.problems.map(({ capability }) => capability), [...CAPABILITIES]);
  for (const { capability, message } of report.problems) {
    assertStringIncludes(message, OUTER.includes(capability) ? "there is no outer sandbox" : "/nonexistent/deno");
  }
  const error = assertThrows(() => assertSecure(report), InsecureError);
  assertEquals(error.problems, report.problems);
});

Deno.test("probeSecurity() rejects with the signal's reason, and leaves nothing", async () => {
  for (const ms of [0, 10, 20, 30, 40, 50, 60, 80]) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error("enough")), ms);
    // Where it was quicker than that, it has found something, and nothing is left either.
    const probed = await probe(Deno.execPath(), abort.signal).catch((error: Error) => error.message);
    if (typeof probed === "string") assertEquals(probed, "enough");
    clearTimeout(timer);
    abort.abort(new Error("enough"));
    await assertRejects(() => probe(Deno.execPath(), abort.signal), Error, "enough");
  }
});

/** A program that opens a registry and probes, as a host does. */
function program(cachePath: string): string {
  const from = (path: string): string => JSON.stringify(toFileUrl(`${ROOT}src/${path}`).href);
  return `
    import { loadCryptoWasm } from ${from("crypto/load.ts")};
    import { probeSecurity } from ${from("probe_security.ts")};
    import { ArtifactRegistry } from ${from("registry/registry.ts")};
    await using registry = await ArtifactRegistry.open({ path: ${JSON.stringify(cachePath)} });
    const report = await probeSecurity({
      environment: {
        denoPath: Deno.execPath(),
        cryptoWasm: await loadCryptoWasm(),
        spawnTimeoutMs: 20_000,
        newPath: (prefix) => registry.newPath(prefix),
        onWarning: (message, error) => console.error(message, error),
      },
      programPath: registry.newPath("kiln-worker-program-"),
      secureMode: true,
      signal: new AbortController().signal,
    });
    console.log(JSON.stringify(report));`;
}

Deno.test("probeSecurity() needs no more than a host's three grants", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    const main = `${directory}/main.ts`;
    await Deno.writeTextFile(main, program(`${directory}/cache`));
    const flags = ["--no-check", ...resolutionFlags(), ...hostGrants(`${directory}/cache`)];
    const ran = await deno(["run", ...flags, main]);
    assertEquals(ran.code, 0, ran.stderr);
    assertEquals(JSON.parse(ran.stdout).status, allBut());
    assert(!entries(`${directory}/cache`).some((name) => name.startsWith("kiln-worker-program-")));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
