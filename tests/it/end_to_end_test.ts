/** The whole path, from a real code blob to verdicts on real blocks: with the three grants, and imported as from a registry. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path";
import { caseParams, caseResult } from "../testdata.ts";
import { deno, hostGrants, resolutionFlags, ROOT } from "./deno_process.ts";
import { processesWith } from "./processes.ts";

const CODE_HASH = "0x0be70b77f97295cdda6109a8476ada38b1c042240641e156ab97a6a0352f47ee";

/** A program that uses Kiln as anyone would. It needs no permission of its own: its data is in it. */
function program(moduleUrl: string, cachePath: string): string {
  const blocks = ["v01_block1_remark", "b06_wrong_parent_head"].map((name) => caseParams(name).toBase64());
  return `
import { Pvf, ValidationHost } from "${moduleUrl}";
import { chainSpec } from "@substrate/connect-known-chains/rococo_v2_2_asset_hub";

const code = Uint8Array.fromHex(JSON.parse(chainSpec).genesis.raw.top["0x3a636f6465"].slice(2));
await using host = await ValidationHost.start({ cachePath: ${JSON.stringify(cachePath)}, spawnTimeoutMs: 20_000 });
const pvf = await Pvf.fromCode(code);
const { kind, codeHash } = await host.precheck(pvf);
const verdicts = [];
for (const block of ${JSON.stringify(blocks)}) {
  const outcome = await host.execute(pvf, { params: Uint8Array.fromBase64(block) });
  verdicts.push(outcome.kind === "valid" ? outcome.result.toHex() : outcome.kind + " " + outcome.message);
}
console.log(JSON.stringify({ kind, codeHash, verdicts }));
`;
}

function assertVerdicts(stdout: string): void {
  const { kind, codeHash, verdicts } = JSON.parse(stdout);
  assertEquals([kind, codeHash], ["prepared", CODE_HASH]);
  assertEquals(verdicts[0], caseResult("v01_block1_remark").toHex());
  assertStringIncludes(verdicts[1], "invalid wasm trap: unreachable: panicked at 'Invalid parent hash'");
}

/** A directory for a program and its cache. */
async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    await test(directory);
    assertEquals(processesWith(directory), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a host runs with three grants: read and write its cache directory, run deno", async () => {
  await withDirectory(async (directory) => {
    const cachePath = `${directory}/cache/made by the host`;
    const main = `${directory}/main.ts`;
    await Deno.writeTextFile(main, program(toFileUrl(`${ROOT}mod.ts`).href, cachePath));
    const ran = await deno(["run", "--no-check", ...resolutionFlags(), ...hostGrants(cachePath), main]);
    assertEquals(ran.code, 0, ran.stderr);
    assertVerdicts(ran.stdout);
    const left = Array.from(Deno.readDirSync(cachePath), (entry) => entry.name);
    assertEquals(left.filter((name) => !/^0x[0-9a-f]{128}\.pvf$/.test(name)), [], "only artifacts stay");
  });
});

Deno.test("a host runs on a relative cache path that leads through a symbolic link, with grants for just that spelling", async () => {
  await withDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/real`);
    await Deno.symlink("real", `${directory}/link`);
    const main = `${directory}/main.ts`;
    await Deno.writeTextFile(main, program(toFileUrl(`${ROOT}mod.ts`).href, "link/cache"));
    const args = ["run", "--no-check", ...resolutionFlags(), ...hostGrants("link/cache"), main];
    const ran = await deno(args, {}, directory);
    assertEquals(ran.code, 0, ran.stderr);
    assertVerdicts(ran.stdout);
    assertEquals(Array.from(Deno.readDirSync(`${directory}/real/cache`)).length, 1);
  });
});

Deno.test("a host refuses a path whose real form has a comma, which would open another directory to workers", async () => {
  await withDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/a,b`);
    await Deno.symlink("a,b", `${directory}/link`);
    const main = `${directory}/main.ts`;
    await Deno.writeTextFile(main, program(toFileUrl(`${ROOT}mod.ts`).href, "link"));
    const args = ["run", "--no-check", ...resolutionFlags(), ...hostGrants("link"), main];
    const ran = await deno(args, {}, directory);
    assertEquals([ran.code, ran.stdout], [1, ""]);
    assertStringIncludes(ran.stderr, "a path without one wanted");
  });
});

Deno.test("a host without one of its grants says which one is missing", async () => {
  await withDirectory(async (directory) => {
    const main = `${directory}/main.ts`;
    await Deno.writeTextFile(main, program(toFileUrl(`${ROOT}mod.ts`).href, `${directory}/cache`));
    for (const missing of ["read", "write"]) {
      const grants = hostGrants(`${directory}/cache`).filter((grant) => !grant.startsWith(`--allow-${missing}`));
      const ran = await deno(["run", "--no-check", ...resolutionFlags(), ...grants, main]);
      assertEquals(ran.code, 1);
      assertStringIncludes(ran.stderr, `Requires ${missing} access`);
    }
    const grants = hostGrants(`${directory}/cache`).filter((grant) => !grant.startsWith("--allow-run"));
    const ran = await deno(["run", "--no-check", ...resolutionFlags(), ...grants, main]);
    assertStringIncludes(ran.stderr + ran.stdout, "Requires run access");
  });
});

Deno.test("the module works imported over http, and from the cache once the server is gone", async () => {
  await withDirectory(async (directory) => {
    const asked = new Set<string>();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url);
      asked.add(pathname);
      try {
        const headers = { "content-type": "application/typescript" };
        return new Response(await Deno.readTextFile(`${ROOT}${pathname.slice(1)}`), { headers });
      } catch {
        return new Response("not found", { status: 404 });
      }
    });
    const origin = `127.0.0.1:${server.addr.port}`;
    const main = `${directory}/main.ts`;
    await Deno.writeTextFile(main, program(`http://${origin}/mod.ts`, `${directory}/cache`));
    const env = { DENO_DIR: `${directory}/deno` };
    const registry = new URL(Deno.env.get("JSR_URL") ?? "https://jsr.io/").host;
    const flags = [
      "--no-check",
      `--allow-import=${origin},${registry}`,
      ...resolutionFlags(),
      ...hostGrants(`${directory}/cache`),
    ];
    const online = await deno(["run", ...flags, main], env);
    await server.shutdown();
    assertEquals(online.code, 0, online.stderr);
    assertVerdicts(online.stdout);
    assertEquals([...asked].filter((path) => path !== "/mod.ts" && !path.startsWith("/src/")), []);
    const offline = await deno(["run", "--cached-only", ...flags, main], env);
    assertEquals(offline.code, 0, offline.stderr);
    assertVerdicts(offline.stdout);
  });
});
