import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { encodeFrame, FrameError, type FrameKind } from "../../src/protocol/frame.ts";
import {
  BIND_RESPONSE,
  EXECUTE_RESPONSE,
  LAST_WORDS,
  type LastWords,
  PREPARE_RESPONSE,
  READY,
} from "../../src/protocol/messages.ts";
import { ScaleError } from "../../src/protocol/scale.ts";
import { EndOfOutput, FrameSource, UnaskedOutput } from "../../src/worker_process/frame_stream.ts";

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

/** A worker's output, which says what it is told to say, when it is told to. */
class Output {
  #controller: ReadableByteStreamController | undefined;
  readonly stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: "bytes",
    start: (controller) => {
      this.#controller = controller as ReadableByteStreamController;
    },
  });

  say(...chunks: Uint8Array[]): void {
    for (const chunk of chunks) if (chunk.length > 0) this.#controller?.enqueue(chunk.slice());
  }

  end(): void {
    this.#controller?.close();
    this.#controller?.byobRequest?.respond(0);
  }
}

Deno.test("next() gives whole messages, however the stream is cut", async () => {
  const frame = encodeFrame(READY, MESSAGE);
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(), { maxLength: 10 }), async (places) => {
    const output = new Output();
    const source = new FrameSource(output.stream);
    for (let round = 0; round < 2; round++) {
      const next = source.next(READY);
      output.say(...cut(frame, places));
      assertEquals(await next, MESSAGE);
    }
    const next = source.next(READY);
    output.end();
    await assertRejects(() => next, EndOfOutput);
  }));
});

/** Waits until a source has said that there is something that nobody has asked for. */
function unasked(stream: ReadableStream<Uint8Array>): { source: FrameSource; told: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { source: new FrameSource(stream, resolve), told: promise };
}

Deno.test("next() refuses what came before it was asked for, and the source tells of it at once", async () => {
  const frame = encodeFrame(READY, MESSAGE);
  for (const length of [1, 4, 5, 6, frame.length]) {
    const output = new Output();
    const { source, told } = unasked(output.stream);
    output.say(frame.subarray(0, length));
    await told;
    const error = await assertRejects(() => source.next(READY), UnaskedOutput);
    assertEquals(
      error.message,
      `The worker wrote 0x${frame.subarray(0, Math.min(length, 5)).toHex()} before it was asked for ready`,
    );
  }
});

Deno.test("next() refuses what came behind a whole message, and the source tells of it at once", async () => {
  const frame = encodeFrame(READY, MESSAGE);
  const { source, told } = unasked(streamOf([new Uint8Array([...frame, 0])]));
  assertEquals(await source.next(READY), MESSAGE);
  await told;
  const error = await assertRejects(() => source.nextOr(READY, LAST_WORDS), UnaskedOutput);
  assertEquals(error.message, "The worker wrote 0x00 before it was asked for ready");
});

Deno.test("an output that ends while nothing is asked for is told of at once, and next() refuses it", async () => {
  const output = new Output();
  const { source, told } = unasked(output.stream);
  output.end();
  await told;
  const error = await assertRejects(() => source.next(READY), UnaskedOutput);
  assertEquals(error.message, "The worker ended its output before it was asked for ready");
});

Deno.test("an output that fails while nothing is asked for is told of at once, and next() throws the failure", async () => {
  const { promise: failure, reject } = Promise.withResolvers<never>();
  const { source, told } = unasked(new ReadableStream({ type: "bytes", pull: () => failure }));
  reject(new Error("The pipe is broken"));
  await told;
  await assertRejects(() => source.next(READY), Error, "The pipe is broken");
});

const LAST: LastWords = { requestId: 1, limit: "cpuTimeMs", used: 1_501 };

Deno.test("nextOr() gives either kind and says which it is", async () => {
  const given = async (...frames: Uint8Array[]): Promise<unknown> =>
    await new FrameSource(streamOf(frames)).nextOr(READY, LAST_WORDS);
  assertEquals(await given(encodeFrame(READY, MESSAGE)), { came: "wanted", message: MESSAGE });
  assertEquals(await given(encodeFrame(LAST_WORDS, LAST)), { came: "instead", message: LAST });
  const output = new Output();
  const next = new FrameSource(output.stream).nextOr(READY, LAST_WORDS);
  output.end();
  await assertRejects(() => next, EndOfOutput);
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

Deno.test("every other tag than the wanted one is refused, with whatever comes behind it", async () => {
  const kinds: FrameKind<unknown>[] = [READY, PREPARE_RESPONSE, BIND_RESPONSE, EXECUTE_RESPONSE];
  for (const kind of kinds) {
    for (let tag = 0; tag < 256; tag++) {
      if (tag === kind.tag) continue;
      const frame = Uint8Array.of(1, 0, 0, 0, tag);
      const message = `Cannot read ${kind.name}: tag ${tag}, ${kind.tag} wanted`;
      await assertRejects(() => new FrameSource(streamOf([frame])).next(kind), FrameError, message);
      if (tag === LAST_WORDS.tag) continue;
      await assertRejects(() => new FrameSource(streamOf([frame])).nextOr(kind, LAST_WORDS), FrameError, message);
    }
  }
});

/** An output that has no end, and how many bytes of it were taken. */
function flood(start: Uint8Array): { stream: ReadableStream<Uint8Array>; taken: () => number } {
  let taken = 0;
  const stream = new ReadableStream<Uint8Array>({
    type: "bytes",
    pull(controller) {
      const view = (controller as ReadableByteStreamController).byobRequest?.view;
      assert(view, "the source says how much it takes");
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(255);
      bytes.set(start.subarray(taken, taken + bytes.length));
      taken += bytes.length;
      (controller as ReadableByteStreamController).byobRequest?.respond(bytes.length);
    },
  });
  return { stream, taken: () => taken };
}

Deno.test("no more is taken of a flood than one message may have", async () => {
  const kinds: FrameKind<unknown>[] = [READY, PREPARE_RESPONSE, BIND_RESPONSE, EXECUTE_RESPONSE];
  for (const kind of kinds) {
    const starts: [length: number, taken: number][] = [
      [0, 5],
      [2 ** 32 - 1, 5],
      [2 ** 31, 5],
      [kind.maxBytes + 2, 5],
      [kind.maxBytes + 1, kind.maxBytes + 5],
    ];
    for (const [length, taken] of starts) {
      const header = new Uint8Array(5);
      new DataView(header.buffer).setUint32(0, length, true);
      header[4] = kind.tag;
      const output = flood(header);
      const source = new FrameSource(output.stream);
      await assertRejects(() => source.next(kind));
      assertEquals(output.taken(), taken, `${kind.name} of ${length} bytes`);
    }
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
