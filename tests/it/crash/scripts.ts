/** What workers run while their host is killed. */

/** It prepares what it is given, and says yes. */
export const PEACEFUL = `{
  run() {
    return "yes";
  },
}`;

/** It does what it can to leave something behind: whenever its directory is deleted, it makes it anew. */
export const UNTIDY = `{
  prepare() {
    const root = Deno.cwd();
    for (let number = 0; number < 10; number++) Deno.mkdirSync("a" + number + "/b/c", { recursive: true });
    for (;;) {
      try {
        Deno.mkdirSync(root, { recursive: true });
        Deno.writeTextFileSync(root + "/begun", "");
      } catch {
        // Somebody deletes what it makes.
      }
    }
  },
}`;
