// deno-lint-ignore-file no-console -- a command prints
/**
 * Runs the tasks of `deno.json`, and is the one place that knows where the std packages come from: JSR where it answers,
 * and otherwise npm, where the same code is published without types. It imports nothing, so it starts without either.
 *
 * @module
 */

/** The registry that the std packages come from. */
export type StdSource = "jsr" | "npm";

/** Options for {@linkcode findStd}. */
export interface FindStdOptions {
  /** The wanted source, which leaves no choice; the default is `KILN_STD`. */
  forced?: string;
  /** The address of the JSR registry, which may be a `file:` URL; the default is `JSR_URL`, as for `deno` itself. */
  registry?: string;
  /** The time that the registry has for its answer, in milliseconds. */
  limitMs?: number;
}

const ARTIFACTS = "pvf-artifacts";
const NPM_CONFIG = "deno.npm.json";

/**
 * Chooses where the std packages come from, with at most one short request.
 *
 * @param options What to force, whom to ask and how long to wait
 * @returns The source to use
 */
export async function findStd(options: FindStdOptions = {}): Promise<StdSource> {
  const { forced = Deno.env.get("KILN_STD"), registry = Deno.env.get("JSR_URL"), limitMs = 1500 } = options;
  if (forced === "jsr" || forced === "npm") return forced;
  if (forced) throw new TypeError(`KILN_STD must be "jsr" or "npm": it is "${forced}"`);
  try {
    const url = new URL("@std/assert/meta.json", (registry || "https://jsr.io").replace(/\/?$/, "/"));
    const response = await fetch(url, { signal: AbortSignal.timeout(limitMs) });
    // A proxy may answer every address with a page of its own, so a good status alone says little.
    return (await response.json()).scope === "std" ? "jsr" : "npm";
  } catch {
    return "npm";
  }
}

async function main([task, ...args]: string[]): Promise<number> {
  Deno.chdir(new URL("../", import.meta.url));
  const std = await findStd();
  switch (task) {
    case "demo":
      return await demo(std, args);
    case "test":
      return await test(std, args);
    case "check":
      return await check(std);
    case "ok":
      return await check(std) || await test(std, args);
    case "bench":
      return await deno(["run", ...stdFlags(std), "--allow-all", "bench/main.ts", ...args]);
    case "fuzz":
      return await deno(["run", ...stdFlags(std), "--allow-all", "bench/fuzz.ts", ...args]);
    case "soak":
      // Whether memory grows can be told only after what is garbage is gone.
      return await deno(["run", ...stdFlags(std), "--allow-all", "--v8-flags=--expose-gc", "bench/soak.ts", ...args]);
    default:
      console.error("usage: deno task demo|test|check|ok|bench|fuzz|soak [arguments]");
      return 2;
  }
}

/** Runs the demo with the three grants that a host needs, and with those blocks readable that it shows. */
async function demo(std: StdSource, args: string[]): Promise<number> {
  const grants = [
    `--allow-read=${ARTIFACTS},tests/testdata`,
    `--allow-write=${ARTIFACTS}`,
    `--allow-run=${Deno.execPath()}`,
  ];
  return await deno(["run", "--quiet", "--no-prompt", ...stdFlags(std), ...grants, "examples/demo.ts", ...args]);
}

/** Runs tests and documentation examples, and closes with a plain line of the totals that `deno test` reported. */
async function test(std: StdSource, args: string[]): Promise<number> {
  // Without types, assertions do not narrow, so the tests would not pass the type check.
  const flags = std === "npm" ? ["--no-check", ...stdFlags(std)] : [];
  // Examples in the documentation make temporary directories and say nothing of deleting them: all are deleted here.
  const temporary = await Deno.makeTempDir({ prefix: "kiln-" });
  const env = { TMPDIR: temporary };
  const child = spawn(["test", "--allow-all", "--doc", ...flags, ...args], { stdout: "piped", env });
  const [shown, kept] = child.stdout.tee();
  const [output] = await Promise.all([
    new Response(kept).text(),
    shown.pipeTo(Deno.stdout.writable, { preventClose: true }),
  ]);
  const { code } = await child.status;
  await Deno.remove(temporary, { recursive: true });
  // Colour codes may surround the first word. A test may print such a line too, but the runner has the last word.
  const summary = [...output.matchAll(/^\S*(?:ok|FAILED)\S* \| (\d+) passed.*? \| (\d+) failed/gm)].at(-1);
  // What keeps a module from loading fails the run, but the runner does not count it.
  const failed = Number(summary?.[2] ?? 0) || Number(code !== 0);
  if (summary || failed) console.log(`${summary?.[1] ?? 0} passed, ${failed} failed`);
  return code;
}

/** Runs every gate but the tests, up to the first that fails. */
async function check(std: StdSource): Promise<number> {
  const config = JSON.parse(await Deno.readTextFile("deno.json"));
  const npm = std === "npm";
  // Linting and publishing take no import map as a flag, but they follow a configuration that names one.
  const configFlags = npm ? [`--config=${NPM_CONFIG}`] : [];
  const gates = [
    ["fmt", "--check"],
    ["lint", ...configFlags],
    ["check", ...stdFlags(std), ...(npm ? ["mod.ts", "src", "tools"] : [])],
    ["doc", "--lint", ...stdFlags(std), ...Object.values<string>(config.exports)],
    ["publish", "--dry-run", "--allow-dirty", ...configFlags],
  ];
  try {
    if (npm) await Deno.writeTextFile(NPM_CONFIG, npmConfig(config));
    for (const args of gates) {
      const code = await deno(args);
      if (code === 0) continue;
      console.error(`failed: deno ${args.join(" ")}`);
      return code;
    }
    return 0;
  } finally {
    if (npm) await Deno.remove(NPM_CONFIG);
  }
}

/** The text of a configuration like `deno.json` that takes the std packages from npm. */
function npmConfig({ imports: _, ...config }: { imports?: unknown; publish: { include: string[] } }): string {
  const publish = { ...config.publish, include: [...config.publish.include, "tools"] };
  return JSON.stringify({ ...config, publish, importMap: "./tools/npm_std.json" });
}

async function deno(args: string[]): Promise<number> {
  return (await spawn(args).status).code;
}

/** The flags with which `deno` finds the std packages. */
function stdFlags(std: StdSource): string[] {
  return std === "npm" ? ["--no-lock", "--import-map=tools/npm_std.json"] : [];
}

/** Starts `deno` and relays to it the signals that ask this process to end, which then ends with its status. */
function spawn(args: string[], options: Deno.CommandOptions = {}): Deno.ChildProcess {
  const child = new Deno.Command(Deno.execPath(), { ...options, args }).spawn();
  const relay = (signal: Deno.Signal) => {
    // A terminal sends ctrl-c to every process by itself, and a second one may mean "at once".
    if (signal === "SIGINT" && Deno.stdin.isTerminal()) return;
    try {
      child.kill(signal);
    } catch {
      // It has ended by itself.
    }
  };
  Deno.addSignalListener("SIGINT", () => relay("SIGINT"));
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", () => relay("SIGTERM"));
  return child;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
