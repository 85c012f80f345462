import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { ExecutorParamsError } from "../src/executor_params.ts";
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

Deno.test("the hash of all parameters follows each of them, and the prep hash does not", async () => {
  const plain = await Pvf.fromCode(new Uint8Array());
  const timed = await Pvf.fromCode(new Uint8Array(), { executorParams: { execTimeoutMs: { approval: 15_000 } } });
  assertNotEquals(plain.paramsHash, timed.paramsHash);
  assertEquals(plain.artifactId, timed.artifactId);
  // BLAKE2b-256 of a list of length 0, which is the byte 0.
  assertEquals(plain.paramsHash, "0x03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314");
});

Deno.test("a PVF keeps a frozen copy of the parameters that were given", async () => {
  const executorParams = { prepTimeoutMs: { precheck: 30_000 }, wasmExtBulkMemory: true };
  const pvf = await Pvf.fromCode(new Uint8Array(), { executorParams });
  executorParams.prepTimeoutMs.precheck = 1;
  assertEquals(pvf.executorParams, { prepTimeoutMs: { precheck: 30_000 }, wasmExtBulkMemory: true });
  assert(Object.isFrozen(pvf.executorParams) && Object.isFrozen(pvf.executorParams.prepTimeoutMs));
  assertEquals((await Pvf.fromCode(new Uint8Array())).executorParams, {});
});

Deno.test("all of the memory that WebAssembly can address is the most that code gets", async () => {
  const pvf = await Pvf.fromCode(new Uint8Array(), { executorParams: { maxMemoryPages: 65_536 } });
  assertEquals(pvf.maxMemoryPages, 65_536);
});

Deno.test("fromCode() refuses what cannot be", async () => {
  const params = { executorParams: { maxMemoryPages: 65_537 } };
  await assertRejects(() => Pvf.fromCode(new Uint8Array(), params), ExecutorParamsError, "maxMemoryPages 65537");
  await assertRejects(() => Pvf.fromCode(new Uint8Array(64 * 2 ** 20 + 1)), RangeError, "67108865 bytes");
});
