import { assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { Bytes, Option, Struct, u32, Vector } from "scale-ts";
import { ScaleError } from "../../src/protocol/scale.ts";
import {
  blockDataBytes,
  decodeValidationParams,
  decodeValidationResult,
  encodeValidationParams,
  encodeValidationResult,
  type ValidationResult,
} from "../../src/protocol/validation_data.ts";
import { caseParams, caseResult, cases } from "../testdata.ts";

const anyBytes = fc.uint8Array({ maxLength: 100 });
const anyU32 = fc.nat(2 ** 32 - 1);
const anyParams = fc.record({
  parentHead: anyBytes,
  blockData: anyBytes,
  relayParentNumber: anyU32,
  relayParentStorageRoot: fc.uint8Array({ minLength: 32, maxLength: 32 }),
}, { noNullPrototype: true });
const anyResult: fc.Arbitrary<ValidationResult> = fc.record({
  headData: anyBytes,
  newValidationCode: anyBytes,
  upwardMessages: fc.array(anyBytes),
  horizontalMessages: fc.array(fc.record({ recipient: anyU32, data: anyBytes }, { noNullPrototype: true })),
  processedDownwardMessages: anyU32,
  hrmpWatermark: anyU32,
}, {
  noNullPrototype: true,
  requiredKeys: ["headData", "upwardMessages", "horizontalMessages", "processedDownwardMessages", "hrmpWatermark"],
});

const peerParams = Struct({
  parentHead: Bytes(),
  blockData: Bytes(),
  relayParentNumber: u32,
  relayParentStorageRoot: Bytes(32),
});
const peerResult = Struct({
  headData: Bytes(),
  newValidationCode: Option(Bytes()),
  upwardMessages: Vector(Bytes()),
  horizontalMessages: Vector(Struct({ recipient: u32, data: Bytes() })),
  processedDownwardMessages: u32,
  hrmpWatermark: u32,
});

const SMALL: ValidationResult = {
  headData: Uint8Array.of(42),
  upwardMessages: [],
  horizontalMessages: [],
  processedDownwardMessages: 0,
  hrmpWatermark: 0,
};

function throwsOnlyScaleError(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    return error instanceof ScaleError;
  }
}

Deno.test("validation data is written as scale-ts writes it, and read back", () => {
  fc.assert(fc.property(anyParams, (params) => {
    const encoded = encodeValidationParams(params);
    assertEquals(encoded, peerParams.enc(params));
    assertEquals(decodeValidationParams(encoded), params);
  }));
  fc.assert(fc.property(anyResult, (result) => {
    const encoded = encodeValidationResult(result);
    assertEquals(encoded, peerResult.enc({ newValidationCode: undefined, ...result }));
    assertEquals(decodeValidationResult(encoded), result);
  }));
});

Deno.test("real validation data is read and written", () => {
  for (const { name, outcome } of cases.filter(({ name }) => name !== "b20_truncated_params")) {
    const params = decodeValidationParams(caseParams(name));
    assertEquals(encodeValidationParams(params), caseParams(name));
    if (outcome !== "ok") continue;
    const result = decodeValidationResult(caseResult(name));
    assertEquals("newValidationCode" in result, false);
    assertEquals(encodeValidationResult(result), caseResult(name));
  }
  assertEquals(decodeValidationResult(caseResult("v01_block1_remark")).hrmpWatermark, 1000);
});

Deno.test("decoding ignores bytes after the value", () => {
  assertEquals(decodeValidationResult(Uint8Array.of(...encodeValidationResult(SMALL), 1, 2, 3)), SMALL);
  const params = caseParams("v01_block1_remark");
  assertEquals(decodeValidationParams(Uint8Array.of(...params, 1)), decodeValidationParams(params));
});

Deno.test("decoding copies the bytes out", () => {
  const params = caseParams("v01_block1_remark");
  const { parentHead, blockData, relayParentStorageRoot } = decodeValidationParams(params);
  for (const part of [parentHead, blockData, relayParentStorageRoot]) {
    assertNotStrictEquals(part.buffer, params.buffer);
    assertEquals(part.buffer.byteLength, part.length);
  }
});

Deno.test("decoding names the field that does not fit", () => {
  assertThrows(
    () => decodeValidationParams(caseParams("b20_truncated_params")),
    ScaleError,
    "Cannot decode ValidationParams.relayParentStorageRoot: 32 bytes wanted at offset 4055, 25 left",
  );
});

Deno.test("encodeValidationParams() refuses a storage root of another length", () => {
  const params = decodeValidationParams(caseParams("v01_block1_remark"));
  assertThrows(
    () => encodeValidationParams({ ...params, relayParentStorageRoot: new Uint8Array(31) }),
    RangeError,
    "Cannot encode 31 bytes: 32 wanted",
  );
});

Deno.test("a result has at most 16,384 messages of one kind", () => {
  const upwardMessages = Array.from({ length: 16_384 }, () => new Uint8Array());
  const horizontalMessages = upwardMessages.map((data, recipient) => ({ recipient, data }));
  const most = { ...SMALL, upwardMessages, horizontalMessages };
  assertEquals(decodeValidationResult(encodeValidationResult(most)), most);
  const tooMany = [
    { ...SMALL, upwardMessages: [...upwardMessages, new Uint8Array()] },
    { ...SMALL, horizontalMessages: [...horizontalMessages, { recipient: 0, data: new Uint8Array() }] },
  ];
  for (const result of tooMany) {
    assertThrows(
      () => encodeValidationResult(result),
      RangeError,
      "Cannot encode 16385 messages: at most 16384 wanted",
    );
    assertThrows(
      () => decodeValidationResult(peerResult.enc({ newValidationCode: undefined, ...result })),
      ScaleError,
      "16385 messages announced, at most 16384 wanted",
    );
  }
});

Deno.test("decoding throws nothing but ScaleError for arbitrary and for damaged bytes", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (encoded) =>
        throwsOnlyScaleError(() => decodeValidationParams(encoded)) &&
        throwsOnlyScaleError(() => decodeValidationResult(encoded)),
    ),
  );
  const whole = caseResult("v02_block2_transfers_dmp");
  fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
    const damaged = whole.slice();
    damaged[at] = byte;
    return throwsOnlyScaleError(() => decodeValidationResult(damaged));
  }));
});

Deno.test("blockDataBytes() gives the length of the block data, and nothing for other bytes", () => {
  const params = { parentHead: new Uint8Array(3), blockData: new Uint8Array(70), relayParentNumber: 1 };
  const encoded = encodeValidationParams({ ...params, relayParentStorageRoot: new Uint8Array(32) });
  assertEquals(blockDataBytes(encoded), 70);
  assertEquals(blockDataBytes(encoded.subarray(0, 20)), undefined);
  assertEquals(blockDataBytes(new Uint8Array()), undefined);
});
