/** The command, as a person or a script runs it, on real code and real blocks. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { exists } from "@std/fs";
import { decodeValidationParams, encodeValidationParams } from "../../src/protocol/validation_data.ts";
import { caseParams, caseResult, cases, pvfCode, testFile } from "../testdata.ts";
import { deno, type Finished, resolutionFlags, ROOT } from "./deno_process.ts";
import { processesWith } from "./processes.ts";
import { hostDirectories } from "./with_host.ts";

const CODE_HASH = "0x0be70b77f97295cdda6109a8476ada38b1c042240641e156ab97a6a0352f47ee";

/** The command on files in a directory of its own. */
class Bench implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "kiln-test-" });
  readonly cache = `${this.directory}/cache`;

  async file(name: string, bytes: Uint8Array | Promise<Uint8Array>): Promise<string> {
    await Deno.writeFile(`${this.directory}/${name}`, await bytes);
    return `${this.directory}/${name}`;
  }

  flags(): string[] {
    const grants = [`--allow-read=${this.directory}`, `--allow-write=${this.cache}`, `--allow-run=${Deno.execPath()}`];
    return ["run", "--quiet", "--no-check", "--no-prompt", ...resolutionFlags(), ...grants, `${ROOT}src/cli/main.ts`];
  }

  /** Runs the command and checks that it leaves no process and no directory behind. */
  async kiln(...args: string[]): Promise<Finished> {
    const finished = await deno([...this.flags(), ...args]);
    assertEquals(processesWith(this.directory), []);
    if (await exists(this.cache)) assertEquals(hostDirectories(this.cache), []);
    return finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

// deno-lint-ignore no-explicit-any -- what a line of JSON holds is what these tests are about
function jsonLines(text: string): any[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** The parameters of v01 with its block data replaced. */
function withBlockData(file: string): Uint8Array {
  const params = decodeValidationParams(caseParams("v01_block1_remark"));
  return encodeValidationParams({ ...params, blockData: testFile(`pov_compressed/${file}`) });
}

Deno.test("kiln execute --json validates real blocks, plain and compressed, in one call", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const plain = await Promise.all(cases.map(({ name }) => bench.file(name, caseParams(name))));
  const good = ["v01_block1_remark.magic05.bin", "v01_block1_remark.magic06.bin"];
  const bad = ["bad_bomb_20MiB_plus_1.bin", "bad_empty_frame.bin", "bad_truncated.bin", "bad_zstd_magic.bin"];
  const compressed = await Promise.all([...good, ...bad].map((name) => bench.file(name, withBlockData(name))));
  const { code: status, stdout, stderr } = await bench.kiln(
    "execute",
    "--json",
    `--cache=${bench.cache}`,
    code,
    ...plain,
    ...compressed,
  );
  assertEquals([status, stderr], [1, ""]);
  const lines = jsonLines(stdout);
  assertEquals(lines.map(({ file }) => file), [...plain, ...compressed], "one line for each file, in their order");
  for (const [index, { name, outcome, panic, memoryPages }] of cases.entries()) {
    const line = lines[index];
    if (outcome === "ok") {
      assertEquals(Object.keys(line), ["file", "kind", "result", "cpuTimeMs", "wallTimeMs", "peakMemoryPages"]);
      assertEquals([line.kind, line.result], ["valid", `0x${caseResult(name).toHex()}`], name);
      assertEquals(line.peakMemoryPages, memoryPages, name);
      assert(line.cpuTimeMs > 0 && line.wallTimeMs > 0);
    } else {
      assertEquals(Object.keys(line), ["file", "kind", "reason", "message", "log"]);
      assertEquals([line.kind, line.reason], ["invalid", "worker-reported-invalid"], name);
      const text = panic?.findLast((text) => text !== null) ?? "memory access out of bounds";
      assertStringIncludes(line.message, text);
    }
  }
  const rest = lines.slice(plain.length);
  for (const line of rest.slice(0, good.length)) {
    assertEquals(
      line.result,
      lines[plain.findIndex((file) => file.endsWith("v01_block1_remark"))].result,
    );
  }
  for (const line of rest.slice(good.length)) {
    assertEquals([line.kind, line.reason], ["invalid", "pov-decompression-failure"], line.file);
  }
});

Deno.test("kiln precheck --json tells hash, sizes, time and memory", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const { code: status, stdout, stderr } = await bench.kiln("precheck", "--json", `--cache=${bench.cache}`, code);
  assertEquals([status, stderr], [0, ""]);
  const [line] = jsonLines(stdout);
  const fields = ["kind", "codeHash", "decompressedBytes", "artifactBytes", "cpuTimeMs", "maxRssKib"];
  assertEquals(Object.keys(line), fields);
  assertEquals([line.kind, line.codeHash, line.decompressedBytes], ["prepared", CODE_HASH, 2_481_751]);
  assert(line.artifactBytes > 2_481_751 && line.cpuTimeMs > 0 && line.maxRssKib > 0);
});

Deno.test("kiln prints text for people where it is not asked for JSON", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const good = await bench.file("good", caseParams("v03_block1_inherents_only"));
  const bad = await bench.file("bad", caseParams("b10_bad_seal"));
  const prechecked = await bench.kiln("precheck", `--cache=${bench.cache}`, code);
  assertEquals(prechecked.code, 0);
  assertStringIncludes(prechecked.stdout, CODE_HASH);
  const executed = await bench.kiln("execute", `--cache=${bench.cache}`, code, good, bad);
  assertEquals(executed.code, 1);
  assertStringIncludes(executed.stdout, `valid  ${good}\n`);
  assertStringIncludes(
    executed.stdout,
    `invalid  ${bad}\n  worker-reported-invalid: wasm trap: unreachable: panicked at 'Invalid AuRa seal'`,
  );
});

/** An empty module, and modules that lack what a PVF has. */
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

Deno.test("kiln precheck names what is wrong with bad code, and leaves nothing behind", async () => {
  await using bench = new Bench();
  const code = await pvfCode();
  const bomb = testFile("pov_compressed/bad_bomb_20MiB_plus_1.bin");
  const bad: [string, Uint8Array, string, string][] = [
    ["empty", new Uint8Array(), "prevalidation", "empty"],
    ["text", new TextEncoder().encode("this is not WebAssembly"), "prevalidation", "magic"],
    ["truncated", code.subarray(0, -100), "decompression", ""],
    ["module without anything", Uint8Array.from(MAGIC), "prevalidation", "no memory"],
    ["truncated module", Uint8Array.from([...MAGIC, 1, 99, 0]), "prevalidation", ""],
    ["not a module inside", bomb, "prevalidation", ""],
  ];
  for (const [name, bytes, reason, message] of bad) {
    const file = await bench.file(name, bytes);
    const { code: status, stdout, stderr } = await bench.kiln("precheck", "--json", `--cache=${bench.cache}`, file);
    assertEquals([status, stderr], [1, ""], name);
    const [line] = jsonLines(stdout);
    assertEquals([line.kind, line.reason], ["failed", reason], `${name}: ${stdout}`);
    assertStringIncludes(line.message, message, name);
  }
});

Deno.test("kiln --memory-pages limits the memory of the code", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const small = await bench.file("small", caseParams("v01_block1_remark"));
  const large = await bench.file("large", caseParams("v05_block1_transfers_300"));
  const args = ["execute", "--json", "--memory-pages=1", `--cache=${bench.cache}`, code, small, large];
  const { code: status, stdout } = await bench.kiln(...args);
  const [first, second] = jsonLines(stdout);
  assertEquals(status, 1);
  assertEquals([first.kind, first.peakMemoryPages], ["valid", 33]);
  assertEquals([second.kind, second.reason], ["invalid", "worker-reported-invalid"], "it needs more than 33 pages");
});

Deno.test("kiln execute gives a verdict on parameters of any bytes at all", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const any: Uint8Array[] = [new Uint8Array(), new Uint8Array(1), new Uint8Array(100_000).fill(255)];
  for (let length = 1; length < 1000; length *= 3) any.push(crypto.getRandomValues(new Uint8Array(length)));
  const files = await Promise.all(any.map((bytes, index) => bench.file(`any${index}`, bytes)));
  const { code: status, stdout, stderr } = await bench.kiln(
    "execute",
    "--json",
    `--cache=${bench.cache}`,
    code,
    ...files,
  );
  assertEquals([status, stderr], [1, ""]);
  for (const line of jsonLines(stdout)) assertEquals(line.kind, "invalid", JSON.stringify(line));
});

Deno.test("kiln names a file that it cannot read, and goes on with the others", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const params = await bench.file("params", caseParams("v03_block1_inherents_only"));
  const missing = `${bench.directory}/missing`;
  const args = ["execute", "--json", `--cache=${bench.cache}`, code, missing, bench.directory, params];
  const { code: status, stdout } = await bench.kiln(...args);
  assertEquals(status, 2);
  const lines = jsonLines(stdout);
  assertEquals(lines.map(({ kind, reason }) => [kind, reason]), [
    ["unreadable", "not-found"],
    ["unreadable", "is-a-directory"],
    ["valid", undefined],
  ]);
  assertStringIncludes(lines[0].message, missing);
  for (const unreadable of [missing, bench.directory, "/etc/hostname"]) {
    const refused = await bench.kiln("precheck", `--cache=${bench.cache}`, unreadable);
    assertEquals([refused.code, refused.stdout], [2, ""]);
    assertStringIncludes(refused.stderr, `CODE "${unreadable}"`);
  }
});

Deno.test("kiln says how it wants to be called", async () => {
  await using bench = new Bench();
  const wrong: [string[], string][] = [
    [["prechek", "x"], `Unknown command "prechek"`],
    [[], "No command"],
    [["--json"], "No command"],
    [["precheck"], "CODE"],
    [["execute", "x"], "PARAMS"],
    [["precheck", "x", "y"], `"y"`],
    [["precheck", "--jsno", "x"], "--jsno"],
    [["precheck", "--timeout", "soon", "x"], "soon"],
    [["precheck", "--timeout=0", "x"], "0"],
    [["precheck", "--timeout", "x"], "CODE"],
    [["precheck", "--cache=", "x"], "--cache"],
    [["precheck", "--cache=a", "--cache=b", "x"], "--cache"],
    [["precheck", "--memory-pages=-1", "x"], "-1"],
    [["precheck", "--memory-pages=99999", "x"], "maxMemoryPages 99999"],
    [["execute", "--timeout=10000000000", "x", "y"], "10000000000"],
  ];
  for (const [args, message] of wrong) {
    const { code, stdout, stderr } = await bench.kiln(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, message, args.join(" "));
  }
  const code = await bench.file("code", pvfCode());
  for (const [cache, message] of [["a,b", "comma"], [code, "a directory or nothing wanted"]] as const) {
    const path = cache === code ? code : `${bench.directory}/${cache}`;
    const grants = bench.flags().map((flag) => flag.startsWith("--allow-write") ? "--allow-write" : flag);
    const { code: status, stderr } = await deno([...grants, "precheck", `--cache=${path}`, code]);
    assertEquals(status, 2, stderr);
    assertStringIncludes(stderr, message);
  }
  const help = await bench.kiln("--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertStringIncludes(help.stdout, "kiln precheck");
  assertStringIncludes((await bench.kiln("--version")).stdout, "kiln 0.1.0");
});

Deno.test("kiln execute ends with 124 when a block takes too long", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const params = await bench.file("params", caseParams("v05_block1_transfers_300"));
  const { code: status, stdout } = await bench.kiln(
    "execute",
    "--json",
    "--timeout=1ms",
    `--cache=${bench.cache}`,
    code,
    params,
  );
  assertEquals(status, 124);
  const [{ kind, reason }] = jsonLines(stdout);
  assert((kind === "invalid" && reason === "hard-timeout") || reason === "wall-clock-timeout", stdout);
});

Deno.test("kiln ends with 130 when it is interrupted, and leaves nothing behind", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const params = await bench.file("params", caseParams("v05_block1_transfers_300"));
  const args = ["execute", `--cache=${bench.cache}`, code, ...new Array(500).fill(params)];
  const child = new Deno.Command(Deno.execPath(), { args: [...bench.flags(), ...args], stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  assertEquals((await child.status).code, 130);
  assertEquals(processesWith(bench.directory), []);
  assertEquals(hostDirectories(bench.cache), []);
});

Deno.test("kiln ends when nobody reads its output any more, and leaves nothing behind", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const params = await bench.file("params", caseParams("v01_block1_remark"));
  const args = ["execute", "--json", `--cache=${bench.cache}`, code, ...new Array(500).fill(params)];
  const command = new Deno.Command(Deno.execPath(), {
    args: [...bench.flags(), ...args],
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals(await new Response(child.stderr).text(), "");
  assertEquals((await child.status).code, 130);
  assertEquals(Array.from(Deno.readDirSync(bench.cache), ({ name }) => name.endsWith(".pvf")), [true]);
});

Deno.test("kiln reads from a pipe, up to what code may have", async () => {
  await using bench = new Bench();
  const args = ["precheck", `--cache=${bench.cache}`, "/dev/zero"];
  const flags = bench.flags().filter((flag) => !flag.startsWith("--allow-"));
  const { code, stderr } = await deno(["run", "--allow-all", ...flags.slice(1), ...args]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, `CODE "/dev/zero": it is longer than the 67108864 bytes`);
});

Deno.test("a second kiln on the same cache says who has it", async () => {
  await using bench = new Bench();
  const code = await bench.file("code", pvfCode());
  const params = await bench.file("params", caseParams("v05_block1_transfers_300"));
  const args = ["execute", `--cache=${bench.cache}`, code, ...new Array(500).fill(params)];
  const child = new Deno.Command(Deno.execPath(), { args: [...bench.flags(), ...args], stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const second = await deno([...bench.flags(), "precheck", `--cache=${bench.cache}`, code]);
  assertEquals(second.code, 3);
  assertStringIncludes(second.stderr, String(child.pid));
  child.kill("SIGTERM");
  while (!(await reader.read()).done);
  assertEquals((await child.status).code, 130);
});
