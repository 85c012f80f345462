import { assertEquals, assertThrows } from "@std/assert";
import { parseCall, UsageError } from "../../src/cli/arguments.ts";

Deno.test("parseCall() fills in the defaults", () => {
  assertEquals(parseCall(["precheck", "code"]), {
    command: "precheck",
    code: "code",
    options: { cachePath: "./pvf-artifacts", outer: "auto", json: false },
  });
});

Deno.test("parseCall() takes options in any place, and file names that look like something else", () => {
  assertEquals(
    parseCall(["--json", "execute", "1", "--cache", "dir", "2", "--timeout=1.5s", "--memory-pages", "7", "--", "-x"]),
    {
      command: "execute",
      code: "1",
      params: ["2", "-x"],
      options: { cachePath: "dir", timeoutMs: 1500, maxMemoryPages: 7, outer: "auto", json: true },
    },
  );
});

Deno.test("parseCall() reads durations with and without a unit", () => {
  for (const [text, ms] of [["250", 250], ["250ms", 250], ["2s", 2000], ["0.5m", 30_000]] as const) {
    const call = parseCall(["precheck", `--timeout=${text}`, "x"]);
    assertEquals("options" in call && call.options.timeoutMs, ms);
  }
  for (const text of ["0", "-1s", "1h", "1.0001s", "s", "1 s", "Infinity"]) {
    assertThrows(() => parseCall(["precheck", `--timeout=${text}`, "x"]), UsageError, text);
  }
});

Deno.test("parseCall() knows the switches for help and version, and wants a command otherwise", () => {
  assertThrows(() => parseCall([]), UsageError, "No command");
  for (const args of [["--help"], ["-h"], ["precheck", "--help"]]) {
    assertEquals(parseCall(args), { command: "help" });
  }
  for (const args of [["--version"], ["-V"]]) assertEquals(parseCall(args), { command: "version" });
});

Deno.test("parseCall() knows which outer sandbox is wanted", () => {
  for (const outer of ["none", "bubblewrap", "auto"] as const) {
    const call = parseCall(["precheck", `--sandbox=${outer}`, "x"]);
    assertEquals("options" in call && call.options.outer, outer);
  }
  assertThrows(() => parseCall(["precheck", "--sandbox=docker", "x"]), UsageError, "none, bubblewrap or auto wanted");
});

Deno.test("parseCall() refuses what doctor has no use for", () => {
  const options = { cachePath: "dir", outer: "none", json: true } as const;
  assertEquals(parseCall(["doctor", "--cache=dir", "--sandbox=none", "--json"]), { command: "doctor", options });
  for (const unused of ["code", "--timeout=1s", "--memory-pages=7"]) {
    assertThrows(() => parseCall(["doctor", unused]), UsageError, "doctor takes no");
  }
});
