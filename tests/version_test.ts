import { assertEquals } from "@std/assert";
import { KILN_VERSION } from "../src/protocol/version.ts";

Deno.test("the version that workers are compared by is the package's", () => {
  assertEquals(KILN_VERSION, JSON.parse(Deno.readTextFileSync(new URL("../deno.json", import.meta.url))).version);
});
