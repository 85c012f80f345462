// deno-lint-ignore-file no-console -- a demo prints
/**
 * Shows Kiln at work on real input: prechecks a real PVF, validates real blocks, has a broken one refused, and lets a worker try to
 * leave its directory. Run it with `deno task demo`.
 *
 * The host needs its three grants only. That the blocks in `tests/testdata` may be read is the demo's own wish.
 *
 * @module
 */
import { type ExecuteOutcome, Pvf, ValidationHost } from "../mod.ts";
import { chainSpec } from "@substrate/connect-known-chains/rococo_v2_2_asset_hub";

const CACHE = "pvf-artifacts";
const BLOCKS = ["v01_block1_remark", "v02_block2_transfers_dmp", "v05_block1_transfers_300", "b13_wrong_state_root"];

async function main(): Promise<void> {
  const code = Uint8Array.fromHex(JSON.parse(chainSpec).genesis.raw.top["0x3a636f6465"].slice(2));
  const pvf = await Pvf.fromCode(code);
  heading("PVF", "the runtime in the genesis of Rococo Asset Hub");
  line("code hash", pvf.codeHash);
  line("size", bytes(code.length));
  await validate(pvf);
  await escape();
}

/** Prepares the code once and executes it on every block, twice: the second time the worker is warm. */
async function validate(pvf: Pvf): Promise<void> {
  await using host = await ValidationHost.start({ cachePath: CACHE });
  heading("Precheck", "prepared in a sandboxed worker");
  const start = performance.now();
  const prechecked = await host.precheck(pvf);
  if (prechecked.kind === "failed") throw new Error(prechecked.error.message);
  line("verdict", `${prechecked.kind} in ${ms(performance.now() - start)}, a worker's start included`);
  line("decompressed", bytes(prechecked.decompressedBytes));
  line("CPU time", ms(prechecked.cpuTimeMs));
  line("worker memory", bytes(prechecked.maxRssKib * 1024));

  heading("Blocks", "each run in a fresh instance; twice, the second time in a warm worker");
  for (const name of BLOCKS) {
    const params = await Deno.readFile(`tests/testdata/${name}/validation_params.bin`);
    await host.execute(pvf, { params });
    report(name, await host.execute(pvf, { params }));
  }

  heading("Registry", host.artifacts.path);
  for (const [id, artifact] of host.artifacts.entries()) {
    line("artifact", `${id.codeHash.slice(0, 18)}... is ${artifact.state}`);
    if (artifact.state !== "prepared") continue;
    line("file", `${artifact.path.split("/").at(-1)?.slice(0, 18)}... of ${bytes(artifact.sizeBytes)}`);
    line("SHA-256", artifact.checksum.toHex());
  }
}

function report(name: string, outcome: ExecuteOutcome): void {
  if (outcome.kind === "valid") {
    const { cpuTimeMs, wallTimeMs, peakMemoryPages, result } = outcome;
    line(name, `valid: ${ms(cpuTimeMs)} CPU, ${ms(wallTimeMs)} in all, ${bytes(peakMemoryPages * 65_536)} of memory`);
    line("", `result of ${bytes(result.length)}, ${result.toHex().slice(0, 32)}...`);
  } else {
    line(name, `${outcome.kind}: ${outcome.reason}`);
    line("", outcome.message);
  }
}

/** What a worker tries whose code is JavaScript and wants out. Each must fail. */
const ATTEMPTS: Record<string, string> = {
  "read /etc/hostname": `Deno.readTextFileSync("/etc/hostname")`,
  "list the cache": `Array.from(Deno.readDirSync(".."))`,
  "write beside its directory": `Deno.writeTextFileSync("../escaped", "")`,
  "link to a file outside": `Deno.linkSync("/etc/hostname", "link")`,
  "see the environment": `Deno.env.toObject()`,
  "run a program": `new Deno.Command("/bin/true").outputSync()`,
  "connect to a server": `await Deno.connect({ hostname: "127.0.0.1", port: 80 })`,
  "import from the network": `await import("https://example.com/module.js")`,
  "import from npm": `await import("npm:chalk")`,
  "keep something for the next": `localStorage.setItem("kept", "1")`,
};

/** Gives workers an engine that runs the code as JavaScript, and code that tries one thing after the other. */
async function escape(): Promise<void> {
  heading("Sandbox", "what a worker is denied that runs JavaScript of its own choice");
  const engineSource = `
    const AsyncFunction = (async () => {}).constructor;
    export const engine = {
      prepare: ({ code }) => ({ artifact: code, decompressedBytes: code.length }),
      load: () => ({
        async run({ params }) {
          let result = "SUCCEEDED";
          try {
            await new AsyncFunction(new TextDecoder().decode(params))();
          } catch (error) {
            result = "denied: " + error.message.split(/[\\n,]/)[0];
          }
          return { result: new TextEncoder().encode(result), peakMemoryPages: 0 };
        },
      }),
    };`;
  await using host = await ValidationHost.start({ cachePath: CACHE, engineSource });
  const pvf = await Pvf.fromCode(new Uint8Array());
  for (const [what, attempt] of Object.entries(ATTEMPTS)) {
    const outcome = await host.execute(pvf, { params: new TextEncoder().encode(attempt) });
    line(what, outcome.kind === "valid" ? new TextDecoder().decode(outcome.result) : outcome.message);
  }
}

function heading(title: string, text: string): void {
  console.log(`\n${title}: ${text}`);
}

function line(name: string, text: string): void {
  console.log(`  ${name.padEnd(28)}${text}`);
}

function bytes(count: number): string {
  return `${count.toLocaleString("en-US")} bytes`;
}

function ms(time: number): string {
  return `${time.toFixed(1)} ms`;
}

await main();
