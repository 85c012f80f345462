import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { encodeFrame, FrameError } from "../../src/protocol/frame.ts";
import { LAST_WORDS, type LastWords, READY } from "../../src/protocol/messages.ts";
import { ScaleError } from "../../src/protocol/scale.ts";
import { EndOfOutput, FrameSource } from "../../src/worker_process/frame_stream.ts";

/** A byte stream that gives these chunks. */
function streamOf(chunks: Uint8Array[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  const rest = chunks.filter((chunk) => chunk.length > 0);
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = rest.shift();
      if (chunk) return controller.enqueue(chunk.slice());
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

/** `bytes` cut at these places. */
function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const MESSAGE = { requestId: 1, kilnVersion: "0.1.0", denoVersion: "2.9.6", v8Version: "15.0" };

Deno.test("next() gives whole messages, however the stream is cut", async () => {
  const frame = encodeFrame(READY, MESSAGE);
  const two = new Uint8Array([...frame, ...frame]);
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(), { maxLength: 10 }), async (places) => {
    const source = new FrameSource(streamOf(cut(two, places)));
    assertEquals(await source.next(READY), MESSAGE);
    assertEquals(await source.next(READY), MESSAGE);
    await assertRejects(() => source.next(READY), EndOfOutput);
  }));
});

const LAST: LastWords = { requestId: 1, limit: "cpuTimeMs", used: 1_501 };

Deno.test("nextOr() gives either kind and says which it is", async () => {
  const frames = [encodeFrame(READY, MESSAGE), encodeFrame(LAST_WORDS, LAST)];
  const source = new FrameSource(streamOf(frames));
  assertEquals(await source.nextOr(READY, LAST_WORDS), { came: "wanted", message: MESSAGE });
  assertEquals(await source.nextOr(READY, LAST_WORDS), { came: "instead", message: LAST });
  await assertRejects(() => source.nextOr(READY, LAST_WORDS), EndOfOutput);
});

Deno.test("nextOr() holds each kind to its own cap, and any other kind is not what was wanted", async () => {
  const refused: [number[], string][] = [
    [[99, 0, 0, 0, LAST_WORDS.tag], "Cannot read last words: 98 bytes announced, at most 64 wanted"],
    [[3, 0, 0, 0, 8], `Cannot read ready: tag 8, ${READY.tag} wanted`],
  ];
  for (const [header, message] of refused) {
    const source = new FrameSource(streamOf([Uint8Array.from(header)]));
    const error = await assertRejects(() => source.nextOr(READY, LAST_WORDS), FrameError);
    assertStringIncludes(error.message, message);
  }
});

Deno.test("next() refuses last words, where nothing runs that could be ended", async () => {
  const source = new FrameSource(streamOf([encodeFrame(LAST_WORDS, LAST)]));
  await assertRejects(() => source.next(READY), FrameError);
});

Deno.test("next() throws nothing but its own errors, whatever comes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.boolean(), async (bytes, tagged) => {
      if (tagged && bytes.length > 4) bytes.set([bytes.length - 4, 0, 0, 0, READY.tag]);
      try {
        await new FrameSource(streamOf([bytes])).next(READY);
      } catch (error) {
        assert([EndOfOutput, FrameError, ScaleError].some((kind) => error instanceof kind), String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});
