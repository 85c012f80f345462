/** Cache directories with every kind of name: a host works there, and its workers see no more of the disk than elsewhere. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { dirname, join } from "@std/path";
import { ValidationHost } from "../../src/host.ts";
import { Pvf } from "../../src/pvf.ts";
import { processesWith } from "./processes.ts";
import { script, SCRIPT_ENGINE } from "./script_engine.ts";
import { hostDirectories } from "./with_host.ts";

/** Names that a flag, a URL, a pattern, a shell or a terminal might take for something else. */
const NAMES: string[] = [
  "with space",
  " spaces around ",
  `quotes'"\``,
  "percent%20%2e%2e%2f%00%",
  "equals=a=/etc",
  "colon:/etc",
  "semicolon;/etc",
  "hash#fragment",
  "question?query=1",
  "$HOME",
  "${HOME}",
  "~",
  "stars*and?[a-z]{b}",
  "back\\slash\\..\\",
  "new\nline",
  "carriage\rreturn",
  "tab\tbell\u0007escape\u001b[31mdelete\u007f",
  "-rf",
  "--allow-all",
  "...",
  "ends..",
  "@at!&|<>()",
  "file:",
  "node_modules",
  "unicode é 日本 🦀",
  "decomposed e\u0301",
  "right\u202eto left\u200b\ufeff",
  "x".repeat(255),
  Array(9).fill("y".repeat(200)).join("/"),
  "a/../b",
  "./c//./d/",
];

/** A directory with a secret in it, and in whatever a part of the name may be taken for. */
async function hideSecrets(base: string, cachePath: string): Promise<string[]> {
  const parts = cachePath.slice(base.length).split(/[^\p{L}\p{N}.]+/u).filter((part) => /[^.]/.test(part));
  const decoys = parts.filter((part) => part.length < 100).map((part) => join(base, part));
  const places = new Set([base, cachePath, dirname(cachePath), ...decoys]);
  const secrets = Array.from(places, (place) => join(place, "secret"));
  for (const secret of secrets) {
    await Deno.mkdir(dirname(secret), { recursive: true });
    await Deno.writeTextFile(secret, "secret");
  }
  return secrets;
}

/** A script that gives back what it could do outside of its directory, which is given it, and in it. */
const TRY_TO_GET_OUT = `{
  run({ params }) {
    const secrets = JSON.parse(new TextDecoder().decode(params));
    const done = [];
    const attempt = (what, action) => {
      try {
        action();
        done.push(what);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotCapable)) done.push(what + ": " + error);
      }
    };
    for (const secret of [...secrets, "../secret", "../../secret", "/etc/passwd"]) {
      const place = secret.slice(0, secret.lastIndexOf("/"));
      attempt("read " + secret, () => Deno.readTextFileSync(secret));
      attempt("list " + place, () => [...Deno.readDirSync(place)]);
      attempt("write beside " + secret, () => Deno.writeTextFileSync(place + "/written", ""));
      attempt("take " + secret, () => Deno.renameSync(secret, "taken"));
    }
    attempt("write its own", () => Deno.writeTextFileSync("own", "own"));
    attempt("list its own", () => [...Deno.readDirSync(Deno.cwd())]);
    return JSON.stringify(done);
  },
}`;

for (const name of NAMES) {
  const shown = JSON.stringify(name.length > 40 ? `${name.slice(0, 10)}... (${name.length})` : name);
  Deno.test(`a host works in a cache directory named ${shown}, and its workers are confined`, async () => {
    const base = await Deno.realPath(await Deno.makeTempDir({ prefix: "kiln-test-" }));
    try {
      const cachePath = join(base, name);
      const secrets = await hideSecrets(base, cachePath);
      const host = await ValidationHost.start({
        cachePath: `${base}/${name}`,
        engineSource: SCRIPT_ENGINE,
        spawnTimeoutMs: 20_000,
        spareExecuteWorkers: 0,
      });
      try {
        const pvf = await Pvf.fromCode(script(TRY_TO_GET_OUT));
        assertEquals((await host.precheck(pvf)).kind, "prepared");
        const prepared = host.artifacts.get(pvf.artifactId);
        assert(prepared?.state === "prepared");
        assertEquals(dirname(prepared.path), cachePath.replace(/\/$/, ""));
        const outcome = await host.execute(pvf, { params: script(JSON.stringify([...secrets, prepared.path])) });
        assert(outcome.kind === "valid", JSON.stringify(outcome));
        assertEquals(JSON.parse(new TextDecoder().decode(outcome.result)), ["list its own"]);
      } finally {
        await host.close();
      }
      for (const secret of secrets) assertEquals(await Deno.readTextFile(secret), "secret");
      assertEquals(hostDirectories(cachePath), []);
      assertEquals(processesWith(base), []);
    } finally {
      await Deno.remove(base, { recursive: true });
    }
  });
}

Deno.test("a cache directory with a comma in its path is refused, and nothing is made there", async () => {
  const base = await Deno.makeTempDir({ prefix: "kiln-test-" });
  try {
    for (const name of ["a,b", ",", "a,/etc", "a,b/../c,d", "a/b,c/d"]) {
      const starting = (): Promise<ValidationHost> => ValidationHost.start({ cachePath: `${base}/${name}` });
      const { message } = await assertRejects(starting, TypeError);
      assertMatch(message, /^Cannot use the cache directory .*: found a comma, a path without one wanted$/);
    }
    await Deno.mkdir(`${base}/real,name`);
    await Deno.symlink("real,name", `${base}/link`);
    await assertRejects(() => ValidationHost.start({ cachePath: `${base}/link` }), TypeError, "found a comma");
    assertEquals(Array.from(Deno.readDirSync(base), (entry) => entry.name).sort(), ["link", "real,name"]);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});
