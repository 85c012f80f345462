import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { WasmCrypto } from "../../../src/crypto/wasm_crypto.ts";
import { ExecuteFailure, PrepareFailure } from "../../../src/engine/engine.ts";
import { afterBulkMemory, nameOfPrefixed } from "../../../src/engine/pvf/bulk_memory.ts";
import { checkInstructions } from "../../../src/engine/pvf/instructions.ts";
import { engine } from "../../../src/engine/pvf/pvf_engine.ts";
import { wasmBytes } from "../../testdata.ts";
import {
  buildModule,
  type Bytes,
  joinSections,
  OP,
  RESULT,
  returnSlice,
  section,
  sized,
  sleb,
} from "./wasm_builder.ts";

const services = { crypto: new WasmCrypto(wasmBytes) };
const LIMITS = { kind: "precheck", maxMemoryPages: 2080, codeBombLimitBytes: 2 ** 20 } as const;
/** Where the tests copy a result to. */
const COPY = 512;

async function prepare(code: Uint8Array, wasmExtBulkMemory: boolean): Promise<Uint8Array> {
  assert(WebAssembly.validate(code as BufferSource), "V8 takes the module, so that nothing else refuses it");
  return (await engine.prepare({ code, wasmExtBulkMemory, ...LIMITS }, services)).artifact;
}

async function run(code: Uint8Array): Promise<Uint8Array> {
  const loaded = await engine.load(await prepare(code, true), services);
  const input = { params: new Uint8Array(), povBombLimitBytes: 0, log: { add: () => {} } };
  return (await loaded.run(input)).result;
}

function constants(...values: number[]): Bytes {
  return values.flatMap((value) => [OP.i32Const, ...sleb(value)]);
}

const INIT = [...constants(COPY, 0, RESULT.length), 0xfc, 8, 0, 0];
const DROP = [0xfc, 9, 0];
const COPY_RESULT = [...constants(COPY, 16, RESULT.length), 0xfc, 10, 0, 0];
const FILL = [...constants(COPY, 0, RESULT.length), 0xfc, 11, 0];
const RETURN = returnSlice(COPY, RESULT.length);
const PASSIVE: Bytes = [1, ...sized(RESULT)];

Deno.test("code that may use bulk memory makes its result with each instruction", async () => {
  const passive = { dataCount: 1, data: [PASSIVE] };
  assertEquals(
    await run(buildModule({ ...passive, bodies: [[...INIT, ...DROP, ...RETURN]] })),
    Uint8Array.from(RESULT),
  );
  assertEquals(await run(buildModule({ bodies: [[...COPY_RESULT, ...RETURN]] })), Uint8Array.from(RESULT));
  const filled = await run(buildModule({ bodies: [[...COPY_RESULT, ...FILL, ...RETURN]] }));
  assertEquals(filled, new Uint8Array(RESULT.length));
});

Deno.test("data that was dropped, and memory that is not there, are the code's own fault", async () => {
  const passive = { dataCount: 1, data: [PASSIVE] };
  const beyond = [...constants(65_536, 0, 1), 0xfc, 11, 0];
  for (const body of [[...DROP, ...INIT], beyond]) {
    const failed = await run(buildModule({ ...passive, bodies: [[...body, ...RETURN]] })).catch((error) => error);
    assert(failed instanceof ExecuteFailure, String(failed));
    assertEquals(failed.kind, "trap");
  }
});

Deno.test("data may name its memory where bulk memory is allowed", async () => {
  const code = buildModule({ data: [[2, 0, ...constants(16), OP.end, ...sized(RESULT)]] });
  await prepare(code, true);
});

const parts: [what: string, code: Uint8Array][] = [
  ["memory.init", buildModule({ dataCount: 1, data: [PASSIVE], bodies: [[...INIT, ...RETURN]] })],
  ["memory.copy", buildModule({ bodies: [[...COPY_RESULT, ...RETURN]] })],
  ["memory.fill", buildModule({ bodies: [[...FILL, ...RETURN]] })],
  ["an announced number of segments", buildModule({ dataCount: 1 })],
  ["passive data", buildModule({ data: [PASSIVE] })],
  ["data that names its memory", buildModule({ data: [[2, 0, ...constants(16), OP.end, ...sized(RESULT)]] })],
];
for (const [what, code] of parts) {
  Deno.test(`${what} is refused unless the executor params allow bulk memory`, async () => {
    await prepare(code, true);
    const error = await prepare(code, false).catch((error) => error);
    assert(error instanceof PrepareFailure, String(error));
    assertEquals(error.kind, "prevalidation");
    assertStringIncludes(error.message, "bulk memory, which the executor parameter WasmExtBulkMemory allows");
  });
}

Deno.test("code that does not use bulk memory has the same artifact with it", async () => {
  assertEquals(await prepare(buildModule(), true), await prepare(buildModule(), false));
});

function tableModule(body: Bytes, elements: Bytes): Uint8Array<ArrayBuffer> {
  return buildModule({ tables: [[0x70, 0, 1]], elements: [elements], bodies: [[...body, ...RETURN]] });
}

const active: Bytes = [0, ...constants(0), OP.end, 1, 0];
const passive: Bytes = [1, 0, 1, 0];
const tables: [what: string, code: Uint8Array][] = [
  ["table.init", tableModule([...constants(0, 0, 1), 0xfc, 12, 0, 0], active)],
  ["elem.drop", tableModule([0xfc, 13, 0], active)],
  ["table.copy", tableModule([...constants(0, 0, 1), 0xfc, 14, 0, 0], active)],
  ["table.size", tableModule([0xfc, 16, 0, OP.drop], active)],
  ["elements that are not there from the start", tableModule([], passive)],
];
for (const [what, code] of tables) {
  Deno.test(`${what} is refused even where bulk memory is allowed`, async () => {
    const error = await prepare(code, true).catch((error) => error);
    assert(error instanceof PrepareFailure, String(error));
    assertStringIncludes(error.message, "references or bulk tables");
  });
}

Deno.test("a table and its elements alone are WebAssembly 1.0", async () => {
  await prepare(tableModule([], active), false);
});

Deno.test("a memory other than the first is refused", () => {
  for (const body of [[0xfc, 8, 0, 1], [0xfc, 10, 0, 1], [0xfc, 10, 0x80, 0], [0xfc, 11, 1]]) {
    const code = joinSections([section(10, [sized([0, ...body, OP.end])])]);
    assertThrows(() => checkInstructions(code, true), PrepareFailure, "several memories");
  }
  const data = joinSections([section(11, [[2, 1, ...constants(0), OP.end, 0]])]);
  assertThrows(() => checkInstructions(data, true), PrepareFailure, "several memories");
});

Deno.test("a number of an instruction may take more bytes than it needs", () => {
  assertEquals(afterBulkMemory(Uint8Array.of(0x88, 0x80, 0, 0xff, 1, 0), 0, 6), 6);
  assertEquals(afterBulkMemory(Uint8Array.of(7), 0, 1), undefined);
});

Deno.test("an instruction is named by the extension that it belongs to", () => {
  const name = (number: number) => nameOfPrefixed(Uint8Array.of(number), 0, 1);
  assertEquals([0, 7].map(name), ["saturating conversions", "saturating conversions"]);
  assertEquals(new Set([8, 9, 10, 11].map(name)).size, 1);
  assertEquals([12, 17, 18].map(name), [
    "references or bulk tables",
    "references or bulk tables",
    "instruction 0xfc 18",
  ]);
});

Deno.test("an instruction that is cut off is refused", () => {
  for (const body of [[0xfc], [0xfc, 8], [0xfc, 8, 0], [0xfc, 10, 0], [0xfc, 0x88]]) {
    const code = joinSections([section(10, [sized([0, ...body])])]);
    assertThrows(() => checkInstructions(code, true), PrepareFailure, "truncated");
  }
});
