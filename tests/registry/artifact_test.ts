import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { artifactKey } from "../../src/registry/artifact.ts";

const A = `0x${"ab".repeat(32)}`;
const B = `0x${"cd".repeat(32)}`;

Deno.test("artifactKey() is the same for equal ids and differs for others", () => {
  assertEquals(artifactKey({ codeHash: A, prepHash: B }), artifactKey({ codeHash: A, prepHash: B }));
  assertNotEquals(artifactKey({ codeHash: A, prepHash: B }), artifactKey({ codeHash: B, prepHash: A }));
  assertNotEquals(artifactKey({ codeHash: A, prepHash: A }), artifactKey({ codeHash: A, prepHash: B }));
});

Deno.test("artifactKey() throws when a hash is not spelled in the one way", () => {
  const unfit = ["", "0x", A.slice(2), A.slice(0, -1), `${A}0`, `0X${A.slice(2)}`, `0x${"AB".repeat(32)}`, `${A}\n`];
  for (const hash of unfit) {
    assertThrows(() => artifactKey({ codeHash: hash, prepHash: B }), TypeError, "found the code hash");
    assertThrows(() => artifactKey({ codeHash: B, prepHash: hash }), TypeError, "found the prep hash");
  }
});
