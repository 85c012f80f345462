/** Workers in bubblewrap: they do what they did, and what Deno does not keep from them is not there. */
import { assert, assertEquals, assertLess, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { toFileUrl } from "@std/path";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import { HostClosedError, ValidationHost } from "../../src/host.ts";
import { Pvf } from "../../src/pvf.ts";
import type { SandboxOptions } from "../../src/sandbox_options.ts";
import { InsecureError } from "../../src/security.ts";
import { OuterSandbox, OuterSandboxError } from "../../src/worker_process/outer_sandbox.ts";
import { caseParams, caseResult, pvfCode } from "../testdata.ts";
import { BEGIN, begunDirectories, begunDirectory } from "./begun.ts";
import { BOUNDS, outerTest, PATHS } from "./bubblewrap.ts";
import { deno, hostGrants, resolutionFlags, ROOT } from "./deno_process.ts";
import { Lab } from "./lab.ts";
import { processesWith } from "./processes.ts";
import { script, SCRIPT_ENGINE, SPIN, UNWATCHED_ENGINE } from "./script_engine.ts";
import { withHost, withScriptHost } from "./with_host.ts";

const SANDBOX: SandboxOptions = { outer: "bubblewrap" };
const NO_PARAMS = new Uint8Array();
const BLOCK = "v01_block1_remark";

outerTest("real code is prepared and real blocks validate in bubblewrap", async () => {
  await withHost({ sandbox: SANDBOX, secureMode: true }, async (host) => {
    const outcome = await host.execute(await Pvf.fromCode(await pvfCode()), { params: caseParams(BLOCK) });
    assert(outcome.kind === "valid", JSON.stringify(outcome));
    assertEquals(outcome.result, caseResult(BLOCK));
  });
});

/** Executes one script in bubblewrap, and sees to it that the host goes on. */
async function execute(code: string, timeoutMs = 20_000, engineSource = SCRIPT_ENGINE): Promise<ExecuteOutcome> {
  let outcome: ExecuteOutcome | undefined;
  await withScriptHost({ sandbox: SANDBOX, maxExecuteWorkers: 1, engineSource }, async (host) => {
    outcome = await host.execute(await Pvf.fromCode(script(code)), { params: NO_PARAMS, timeoutMs });
    const next = await host.execute(await Pvf.fromCode(script(`{ run: () => "fine" }`)), { params: NO_PARAMS });
    assertEquals(next.kind, "valid", JSON.stringify(next));
  });
  assert(outcome);
  return outcome;
}

const HEAP = "const all = []; for (;;) all.push(new Array(1000).fill({}));";
const BUFFERS = "const all = []; for (;;) all.push(new Uint8Array(2 ** 26).fill(1));";

/** What a job does, and what must come of it: as without bubblewrap, but for the names of signals. */
const ENDS: Record<string, [body: string, kind: string, reason: string, message: RegExp, engine?: string]> = {
  "burns its CPU time": [SPIN.JavaScript, "invalid", "hard-timeout", /ms of CPU time/],
  "burns its CPU time unwatched": [
    SPIN.JavaScript,
    "possibly-invalid",
    "wall-clock-timeout",
    /2000 ms/,
    UNWATCHED_ENGINE,
  ],
  "is killed": [
    `Deno.kill(Deno.pid, "SIGKILL"); ${SPIN.JavaScript}`,
    "possibly-invalid",
    "ambiguous-job-death",
    /exited with status 137 \(SIGKILL\)/,
  ],
  "exits": [`Deno.exit(3);`, "possibly-invalid", "ambiguous-job-death", /exited with status 3$/],
};

for (const [what, [body, kind, reason, message, engine]] of Object.entries(ENDS)) {
  outerTest(`in bubblewrap, a job that ${what} is ${kind} for ${reason}`, async () => {
    const outcome = await execute(`{ run() { ${body} } }`, 500, engine);
    assert(outcome.kind !== "valid");
    assertEquals([outcome.kind, outcome.reason], [kind, reason], outcome.message);
    assertMatch(outcome.message, message);
  });
}

outerTest("in bubblewrap, a job that fills V8's heap is possibly-invalid for resources-exhausted", async () => {
  const outcome = await execute(`{ run() { ${HEAP} } }`);
  assert(outcome.kind === "possibly-invalid", JSON.stringify(outcome));
  assertEquals(outcome.reason, "resources-exhausted", outcome.message);
});

outerTest("in bubblewrap, the kernel bounds the memory of a worker without a watchdog", async () => {
  const outcome = await execute(`{ run() { ${BUFFERS} } }`, 20_000, UNWATCHED_ENGINE);
  assert(outcome.kind === "possibly-invalid", JSON.stringify(outcome));
  assertMatch(outcome.message, /Array buffer allocation failed|out of memory/);
});

outerTest("in bubblewrap, the kernel bounds a file that has no name any more", async () => {
  await withScriptHost({ sandbox: SANDBOX }, async (host) => {
    const pvf = await Pvf.fromCode(script(`{
      prepare() {
        const file = Deno.openSync("file", { write: true, create: true });
        Deno.removeSync("file");
        const chunk = new Uint8Array(2 ** 24);
        for (let written = 0; written < 2 ** 30;) written += file.writeSync(chunk);
      }
    }`));
    const outcome = await host.precheck(pvf);
    assert(outcome.kind === "failed", JSON.stringify(outcome));
    assertMatch(outcome.error.message, /SIGXFSZ|File too large/);
  });
});

outerTest("in bubblewrap, a symbolic link to a file outside leads nowhere", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    await Deno.writeTextFile(`${directory}/secret`, "secret");
    const read = `{
      async run() {
        ${BEGIN}
        for (;;) {
          try { return Deno.readTextFileSync("link"); } catch (error) {
            if (!String(error).includes("'link'") || Deno.readDirSync(".").some(({ name }) => name === "link")) return String(error);
          }
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    }`;
    for (const [sandbox, wanted] of [[{ outer: "none" }, /^secret$/], [SANDBOX, /No such file/]] as const) {
      await withScriptHost({ sandbox, maxExecuteWorkers: 1 }, async (host, cachePath) => {
        const executing = host.execute(await Pvf.fromCode(script(read)), { params: NO_PARAMS });
        await Deno.symlink(`${directory}/secret`, `${await begunDirectory(cachePath)}/link`);
        const outcome = await executing;
        assert(outcome.kind === "valid", JSON.stringify(outcome));
        assertMatch(new TextDecoder().decode(outcome.result), wanted);
      });
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** A host's program with a worker that is busy, stopped or idle and has no watchdog. */
function doomedHost(cachePath: string): string {
  const options = {
    cachePath,
    engineSource: UNWATCHED_ENGINE,
    spawnTimeoutMs: 20_000,
    sandbox: SANDBOX,
    maxExecuteWorkers: 3,
  };
  const codes = [
    `{ run() { ${BEGIN} ${SPIN.JavaScript} } }`,
    `{
    run() { ${BEGIN} Deno.kill(Deno.pid, "SIGSTOP"); }
  }`,
  ];
  return `
import { Pvf, ValidationHost } from "${toFileUrl(`${ROOT}mod.ts`).href}";
const host = await ValidationHost.start(${JSON.stringify(options)});
for (const code of ${JSON.stringify(codes)}) {
  host.execute(await Pvf.fromCode(new TextEncoder().encode(code)), { params: new Uint8Array(), timeoutMs: 60_000 });
}
`;
}

outerTest("in bubblewrap, no worker outlives its host by a second, be it without a watchdog or stopped", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    const cachePath = `${directory}/cache`;
    await Deno.mkdir(cachePath);
    await Deno.writeTextFile(`${directory}/main.ts`, doomedHost(cachePath));
    const args = ["run", "--no-check", ...resolutionFlags(), ...grants(cachePath), `${directory}/main.ts`];
    const host = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" }, stdin: "null" }).spawn();
    const workers = (): number[] => processesWith(`${cachePath}/worker-dir-`);
    for (let tries = 0; begunDirectories(cachePath).length < 2; tries++) {
      assertLess(tries, 1_000, "the workers are not busy");
      await delay(20);
    }
    host.kill("SIGKILL");
    const killed = performance.now();
    await host.status;
    while (workers().length > 0) {
      assertLess(performance.now() - killed, 1_000, `still alive: ${workers()}`);
      await delay(10);
    }
  } finally {
    // None is left, unless the test has failed.
    for (const pid of processesWith(directory)) Deno.kill(pid, "SIGKILL");
    await Deno.remove(directory, { recursive: true });
  }
});

/** What a host with an outer sandbox needs: one program more that it may run. */
function grants(cachePath: string): string[] {
  return hostGrants(cachePath).map((flag) =>
    flag.startsWith("--allow-run=") ? `${flag},${PATHS.bubblewrapPath}` : flag
  );
}

outerTest("an outer sandbox needs one grant more, and no other", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    const program = `
      import { Pvf, ValidationHost } from "${toFileUrl(`${ROOT}mod.ts`).href}";
      const options = { cachePath: ${JSON.stringify(`${directory}/cache`)}, spawnTimeoutMs: 20_000 };
      for (const secureMode of [true, false]) {
        await using host = await ValidationHost.start({ ...options, secureMode, sandbox: { outer: "bubblewrap" } });
        const { kind } = await host.precheck(await Pvf.fromCode(new Uint8Array()));
        const { problems } = await host.security();
        console.log(kind, JSON.stringify(problems));
      }`;
    await Deno.writeTextFile(`${directory}/main.ts`, program);
    const flags = ["--no-check", ...resolutionFlags(), ...grants(`${directory}/cache`)];
    const { code, stdout, stderr } = await deno(["run", ...flags, `${directory}/main.ts`]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout, "failed []\nfailed []\n");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

outerTest("the smallest limit of memory that a worker can be given is enough in bubblewrap", async () => {
  await withHost({ sandbox: SANDBOX, limits: { processMemoryBytes: 256 * 2 ** 20 } }, async (host) => {
    const outcome = await host.execute(await Pvf.fromCode(await pvfCode()), { params: caseParams(BLOCK) });
    assertEquals(outcome.kind, "valid", JSON.stringify(outcome));
  });
});

outerTest("a file that is longer than a directory may have is directory-limit in bubblewrap too", async () => {
  await withScriptHost({ sandbox: SANDBOX, limits: { directoryBytes: 4 * 2 ** 20 } }, async (host) => {
    const pvf = await Pvf.fromCode(script(`{ prepare() { Deno.writeFileSync("file", new Uint8Array(2 ** 23)); } }`));
    const outcome = await host.precheck(pvf);
    assert(outcome.kind === "failed", JSON.stringify(outcome));
    assertEquals(outcome.error.kind, "directory-limit", outcome.error.message);
  });
});

Deno.test("a probe of the outer sandbox that hangs is given up, and does not keep the host from closing", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-canary-" });
  try {
    const bubblewrapPath = `${directory}/bwrap`;
    // It does what it is asked to but to probe: then it sleeps.
    const script = `#!/bin/sh\ncase "$*" in *allow-all*) exec sleep 603 ;; *--version*) exit 0 ;; esac\n` +
      `while [ "$1" != -- ]; do shift; done\nshift\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n`;
    await Deno.writeTextFile(bubblewrapPath, script, { mode: 0o755 });
    const sandbox = { outer: "bubblewrap", bubblewrapPath } as const;
    await withHost({ sandbox, spawnTimeoutMs: 5_000 }, async (host) => {
      const { problems } = await host.security();
      assertMatch(problems[0]?.message ?? "", /could not be tried: .*timeout/);
    });
    await withHost({ sandbox, spawnTimeoutMs: 600_000 }, async (host) => {
      const asked = assertRejects(() => host.security(), HostClosedError);
      while (processesWith("sleep\x00603").length === 0) await delay(10);
      await host.close();
      await asked;
    });
    assertEquals(processesWith("sleep\x00603"), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

outerTest("a worker whose start is given up at any moment ends, and nothing of it is left", async () => {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  const trial = { denoPath: Deno.execPath(), directory, bounds: BOUNDS };
  const outer = { sandbox: await OuterSandbox.open(PATHS, trial), bounds: BOUNDS };
  await Deno.remove(directory);
  await using lab = await Lab.open({ outer });
  await Promise.all(Array.from({ length: 40 }, async (_, number) => {
    await delay(20 * (number % 10));
    const abort = new AbortController();
    const spawning = lab.spawn("execute-worker", abort.signal);
    setTimeout(() => abort.abort(new Error("given up")), number % 8);
    await assertRejects(() => spawning, Error, "given up");
  }));
  assertEquals(processesWith(lab.cachePath), []);
  assertEquals(lab.workerDirectories(), []);
});

const NOWHERE = { bubblewrapPath: "/nonexistent/bwrap" };

Deno.test("a host that insists on bubblewrap does not start without it, and says what is missing", async () => {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-test-" });
  const start = (): Promise<ValidationHost> =>
    ValidationHost.start({ cachePath, sandbox: { outer: "bubblewrap", ...NOWHERE } });
  const error = await assertRejects(start, OuterSandboxError);
  assertStringIncludes(error.message, "/nonexistent/bwrap");
  assertEquals(Array.from(Deno.readDirSync(cachePath)), []);
  await Deno.remove(cachePath);
});

Deno.test("a host that takes what there is starts without bubblewrap, and its security report says why", async () => {
  await withHost({ sandbox: { outer: "auto", ...NOWHERE } }, async (host) => {
    const { status, problems } = await host.security();
    assertEquals([status.canIsolateSystem, status.canBoundResources], [false, false]);
    assertEquals(problems.map(({ capability }) => capability), ["canIsolateSystem", "canBoundResources"]);
    for (const { message } of problems) assertStringIncludes(message, "/nonexistent/bwrap");
  });
});

Deno.test("a host in secure mode does not start without an outer sandbox", async () => {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-test-" });
  for (const sandbox of [{ outer: "none" }, { outer: "auto", ...NOWHERE }] as const) {
    const start = (): Promise<ValidationHost> =>
      ValidationHost.start({ cachePath, secureMode: true, spawnTimeoutMs: 20_000, sandbox });
    const { problems } = await assertRejects(start, InsecureError);
    assertEquals(problems.map(({ capability }) => capability), ["canIsolateSystem", "canBoundResources"]);
  }
  assertEquals(Array.from(Deno.readDirSync(cachePath)), []);
  await Deno.remove(cachePath);
});

outerTest("without prlimit there is bubblewrap all the same, and secure mode does with it", async () => {
  const sandbox = { outer: "bubblewrap", prlimitPath: "/nonexistent/prlimit" } as const;
  await withHost({ secureMode: true, sandbox }, async (host) => {
    const { status, problems } = await host.security();
    assertEquals([status.canIsolateSystem, status.canBoundResources], [true, false]);
    assertStringIncludes(problems[0]?.message ?? "", "/nonexistent/prlimit");
  });
});

Deno.test("an outer sandbox that does not exist is refused by name", async () => {
  const start = (sandbox: unknown): Promise<ValidationHost> =>
    ValidationHost.start({ cachePath: "/nonexistent", sandbox: sandbox as SandboxOptions });
  await assertRejects(() => start({ outer: "docker" }), TypeError, 'sandbox.outer "docker"');
  await assertRejects(
    () => start({ outer: "none", bubblewrapPath: "bwrap" }),
    TypeError,
    'sandbox.bubblewrapPath "bwrap"',
  );
});

/** What a wrapper around bubblewrap leaves out of its command or puts in another's place, and what the probe notices. */
const CANARIES: [what: string, edit: string, notices: RegExp][] = [
  ["--unshare-all", `--unshare-all) set -- "$@" --unshare-user --unshare-uts --unshare-net ;;`, /^see another process/],
  ["network", `--unshare-all) set -- "$@" --unshare-all --share-net ;;`, /^see a network/],
  [
    "--cap-drop",
    `--cap-drop) shift; set -- "$@" --cap-add ALL; n=$((n - 1)) ;;`,
    /^keep a capability/,
  ],
  ["--remount-ro", `--remount-ro) shift; n=$((n - 1)) ;;`, /^write (next to|to)/],
  [
    "--remount-ro of /proc",
    `--remount-ro) if [ "$1" = /proc ]; then shift; n=$((n - 1)); else set -- "$@" --remount-ro; fi ;;`,
    /^open a setting of the kernel/,
  ],
  ["a bound /etc", `--proc) set -- "$@" --ro-bind /etc /etc --proc ;;`, /^read \/etc\/passwd/],
];

async function writeWrapper(path: string, edit: string): Promise<void> {
  const loop = `n=$#\nwhile [ $n -gt 0 ]; do\n  arg=$1\n  shift\n  n=$((n - 1))\n  case "$arg" in\n    ${edit}\n` +
    `    *) set -- "$@" "$arg" ;;\n  esac\ndone\n`;
  await Deno.writeTextFile(path, `#!/bin/sh\n${loop}exec ${PATHS.bubblewrapPath} "$@"\n`, { mode: 0o755 });
}

for (const [what, edit, notices] of CANARIES) {
  // Whoever is not root cannot open a setting of the kernel anyway, and without a network there is none to be seen.
  if (what.endsWith("/proc") && Deno.uid() !== 0) continue;
  if (what === "network" && Deno.networkInterfaces().every(({ name }) => name === "lo")) continue;
  outerTest(`the probe of the outer sandbox notices another ${what}`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "kiln-canary-" });
    try {
      const bubblewrapPath = `${directory}/bwrap`;
      await writeWrapper(bubblewrapPath, edit);
      await withHost({ sandbox: { outer: "bubblewrap", bubblewrapPath } }, async (host) => {
        const { status, problems } = await host.security();
        assertEquals(status.canIsolateSystem, false);
        assertEquals(problems.map(({ capability }) => capability), ["canIsolateSystem"], JSON.stringify(problems));
        assertMatch(problems[0]?.message ?? "", notices);
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
