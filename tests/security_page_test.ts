/** What SECURITY.md says is shown by tests, so the tests must be there. */
import { assert } from "@std/assert";

const TESTS = new URL("./", import.meta.url);

function isThere(path: string): boolean {
  try {
    return Deno.statSync(new URL(path, TESTS)) !== undefined;
  } catch {
    return false;
  }
}

Deno.test("every test that SECURITY.md names is there, and every statement of its tables names one", () => {
  const page = Deno.readTextFileSync(new URL("../SECURITY.md", TESTS));
  const held = page.slice(page.indexOf("## What holds"), page.indexOf("## What does not hold"));
  const rows = held.split("\n").filter((line) => /^\| [^-s]/i.test(line) && !line.startsWith("| statement"));
  assert(rows.length > 20, `${rows.length} statements`);
  for (const row of rows) {
    const named = Array.from(
      row.matchAll(/`((?:it|protocol|registry|worker_process)\/[\w/.]+)`/g),
      ([, path = ""]) => path,
    );
    assert(named.length > 0, row);
    for (const path of named) assert(isThere(path), `${path} in ${row}`);
  }
});
