import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Pvf } from "../src/pvf.ts";
import { pvfCode } from "./testdata.ts";

Deno.test("a PVF's hash is that of the code as given", async () => {
  const pvf = await Pvf.fromCode(await pvfCode());
  assertEquals(pvf.codeHash, "0x0be70b77f97295cdda6109a8476ada38b1c042240641e156ab97a6a0352f47ee");
  assertEquals(pvf.maxMemoryPages, 2080);
});

Deno.test("a PVF does not change with the bytes that it was made from", async () => {
  const code = new Uint8Array(4);
  const pvf = await Pvf.fromCode(code);
  code[0] = 1;
  assertEquals(pvf.code, new Uint8Array(4));
});

Deno.test("the prep hash follows the parameters that preparing depends on", async () => {
  const code = new Uint8Array();
  // BLAKE2b-256 of "prep" alone, and of "prep", the index of MaxMemoryPages and its value.
  const plain = await Pvf.fromCode(code);
  const given = await Pvf.fromCode(code, { executorParams: { maxMemoryPages: 2048 } });
  const other = await Pvf.fromCode(code, { executorParams: { maxMemoryPages: 2049 } });
  assertNotEquals(plain.prepHash, given.prepHash, "a relay chain that sets the default has another list of parameters");
  assertNotEquals(given.prepHash, other.prepHash);
  assertEquals(given.codeHash, other.codeHash);
});

Deno.test("fromCode() refuses what cannot be", async () => {
  for (const maxMemoryPages of [0, -1, 1.5, NaN, 65_505]) {
    const params = { executorParams: { maxMemoryPages } };
    await assertRejects(() => Pvf.fromCode(new Uint8Array(), params), RangeError, `maxMemoryPages ${maxMemoryPages}`);
  }
  await assertRejects(() => Pvf.fromCode(new Uint8Array(64 * 2 ** 20 + 1)), RangeError, "67108865 bytes");
});
