/** What tests of hostile scripts share: attempts and their refusals, and what a host has and gives of a script. */
import { assert, assertMatch } from "@std/assert";
import type { ValidationHost } from "../../src/host.ts";
import { Pvf } from "../../src/pvf.ts";
import { type Expected, REFUSED } from "./sandbox/attempt.ts";
import { script } from "./script_engine.ts";

/** Attempts of a worker, by what refuses them. They are given node:fs and the path of a file of somebody else. */
export type Attempts = Partial<Record<keyof typeof REFUSED | "handle", Record<string, string>>>;

/** Statements that make all of these attempts, and leave in `said` what each was told. */
export function attempting(attempts: Attempts, outside = ""): string {
  return `
    const said = {};
    const node = process.getBuiltinModule("node:fs");
    for (const [what, attempt] of Object.entries(${JSON.stringify(Object.assign({}, ...Object.values(attempts)))})) {
      try {
        new Function("node", "outside", attempt)(node, ${JSON.stringify(outside)});
        said[what] = "done";
      } catch (error) {
        said[what] = error.message;
      }
    }`;
}

/** The words of what refuses an attempt; a handle that was not opened for this is refused by the system. */
function wordsOf(by: string): RegExp {
  if (by === "handle") return /Bad file descriptor|Invalid argument/;
  const expected: Expected = REFUSED[by as keyof typeof REFUSED];
  assert(expected.kind === "refused");
  return expected.says;
}

/** Whether each attempt was refused by what was to refuse it. */
export function assertRefused(attempts: Attempts, said: Record<string, string>): void {
  for (const [by, group = {}] of Object.entries(attempts)) {
    for (const what of Object.keys(group)) assertMatch(said[what] ?? "", wordsOf(by), what);
  }
}

/** What code makes of no parameters on a host, or what became of it there. */
export async function executed(host: ValidationHost, code: string): Promise<string> {
  const outcome = await host.execute(await Pvf.fromCode(script(code)), { params: new Uint8Array() });
  return outcome.kind === "valid" ? new TextDecoder().decode(outcome.result) : `${outcome.kind} ${outcome.reason}`;
}

/** The path of the artifact that a host has of this code. */
export async function artifactOf(host: ValidationHost, code: string): Promise<string> {
  const state = host.artifacts.get((await Pvf.fromCode(script(code))).artifactId);
  assert(state?.state === "prepared", JSON.stringify(state));
  return state.path;
}

/** The SHA-256 of a file. */
export async function checksum(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}
