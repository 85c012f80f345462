import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeFrameBody,
  decodeFrameHeader,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FrameError,
  frameTag,
} from "../../src/protocol/frame.ts";
import type { FrameKind } from "../../src/protocol/frame.ts";
import { WATCHED_LIMITS } from "../../src/protocol/job_limits.ts";
import * as messages from "../../src/protocol/messages.ts";
import { ScaleError, struct, u32 } from "../../src/protocol/scale.ts";

const KIND: FrameKind<{ value: number }> = { name: "test", tag: 7, maxBytes: 4, codec: struct({ value: u32 }) };

const ALL: FrameKind<unknown>[] = Object.values(messages).filter((value) => typeof value === "object");

function header(length: number, tag: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  new DataView(bytes.buffer).setUint32(0, length, true);
  bytes[4] = tag;
  return bytes;
}

Deno.test("encodeFrame() writes length, tag and message", () => {
  assertEquals(encodeFrame(KIND, { value: 0x01020304 }), Uint8Array.of(5, 0, 0, 0, 7, 4, 3, 2, 1));
});

Deno.test("encodeFrame() refuses a message over its cap", () => {
  const error = assertThrows(() => encodeFrame({ ...KIND, maxBytes: 3 }, { value: 1 }), FrameError);
  assertStringIncludes(error.message, "4 bytes, at most 3 wanted");
});

Deno.test("decodeFrameHeader() gives the length of the message", () => {
  assertEquals(decodeFrameHeader(KIND, header(5, 7)), 4);
  assertEquals(decodeFrameHeader(KIND, header(1, 7)), 0);
});

Deno.test("decodeFrameHeader() says what is wrong with a header", () => {
  const wrong: [Uint8Array, string][] = [
    [header(0, 7), "the frame is empty"],
    [header(5, 8), "tag 8, 7 wanted"],
    [header(6, 7), "5 bytes announced, at most 4 wanted"],
    [header(0xffffffff, 7), "4294967294 bytes announced"],
    [new Uint8Array(4), "the header has 4 bytes, 5 wanted"],
  ];
  for (const [bytes, message] of wrong) {
    assertStringIncludes(assertThrows(() => decodeFrameHeader(KIND, bytes), FrameError).message, message);
  }
});

Deno.test("every kind of message has a tag of its own and a cap", () => {
  assert(ALL.length >= 9);
  assertEquals(new Set(ALL.map(({ tag }) => tag)).size, ALL.length);
  for (const { name, maxBytes } of ALL) assert(maxBytes > 0 && maxBytes < 2 ** 27, name);
});

Deno.test("frameTag() tells what a header announces", () => {
  assertEquals(frameTag(header(5, 7)), 7);
  assertEquals(frameTag(new Uint8Array(4)), undefined);
});

Deno.test("decodeFrameHeader() throws nothing but FrameError, and never a length over the cap", () => {
  fc.assert(
    fc.property(fc.constantFrom(...ALL), fc.uint8Array({ maxLength: 8 }), (kind, bytes) => {
      try {
        assert(decodeFrameHeader(kind, bytes) <= kind.maxBytes);
      } catch (error) {
        assert(error instanceof FrameError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("decodeFrameBody() throws nothing but ScaleError, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.constantFrom(...ALL), fc.uint8Array({ maxLength: 200 }), (kind, bytes) => {
      try {
        decodeFrameBody(kind, bytes);
      } catch (error) {
        assert(error instanceof ScaleError, String(error));
      }
    }),
    { numRuns: 5_000 },
  );
});

const RESPONSE: messages.ExecuteResponse = {
  requestId: 1,
  cpuTimeUs: 123_456_789_012,
  log: [{ level: 1, target: "runtime", message: "panicked at 'ö'" }],
  logDropped: 3,
  result: { kind: "valid", peakMemoryPages: 38, result: Uint8Array.of(1, 2, 3) },
};

Deno.test("a message is the same after its way through a frame", () => {
  const frame = encodeFrame(messages.EXECUTE_RESPONSE, RESPONSE);
  const length = decodeFrameHeader(messages.EXECUTE_RESPONSE, frame.subarray(0, FRAME_HEADER_BYTES));
  assertEquals(length, frame.length - FRAME_HEADER_BYTES);
  assertEquals(decodeFrameBody(messages.EXECUTE_RESPONSE, frame.subarray(FRAME_HEADER_BYTES)), RESPONSE);
});

Deno.test("last words end with the limit and what was used, which the watchdog fills in", () => {
  const blank = encodeFrame(messages.LAST_WORDS, { requestId: 7, limit: "cpuTimeMs", used: 0 });
  blank[blank.length - 9] = WATCHED_LIMITS.indexOf("processMemoryBytes");
  new DataView(blank.buffer).setBigUint64(blank.length - 8, 1_500_772n, true);
  const words: messages.LastWords = { requestId: 7, limit: "processMemoryBytes", used: 1_500_772 };
  assertEquals(blank, encodeFrame(messages.LAST_WORDS, words));
  assertEquals(decodeFrameBody(messages.LAST_WORDS, blank.subarray(FRAME_HEADER_BYTES)), words);
});

Deno.test("last words for a limit that is not known are refused", () => {
  const body = Uint8Array.of(7, 0, 0, 0, WATCHED_LIMITS.length, ...new Uint8Array(8));
  assertThrows(() => decodeFrameBody(messages.LAST_WORDS, body), ScaleError);
});

Deno.test("a message that is cut short or has bytes left over is refused", () => {
  const body = encodeFrame(messages.EXECUTE_RESPONSE, RESPONSE).subarray(FRAME_HEADER_BYTES);
  for (let length = 0; length < body.length; length++) {
    assertThrows(() => decodeFrameBody(messages.EXECUTE_RESPONSE, body.subarray(0, length)), ScaleError);
  }
  const longer = new Uint8Array(body.length + 1);
  longer.set(body);
  const error = assertThrows(() => decodeFrameBody(messages.EXECUTE_RESPONSE, longer), ScaleError);
  assertStringIncludes(error.message, "1 bytes left over");
});

Deno.test("a message with one bit changed throws nothing but ScaleError", () => {
  const body = encodeFrame(messages.EXECUTE_RESPONSE, RESPONSE).subarray(FRAME_HEADER_BYTES);
  for (let bit = 0; bit < body.length * 8; bit++) {
    const changed = body.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ 1 << (bit & 7);
    try {
      decodeFrameBody(messages.EXECUTE_RESPONSE, changed);
    } catch (error) {
      assert(error instanceof ScaleError, String(error));
    }
  }
});
