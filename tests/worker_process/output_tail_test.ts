import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { OutputTail } from "../../src/worker_process/output_tail.ts";

/** A byte stream that gives these texts, each by itself. */
function streamOf(texts: readonly string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  const rest = texts.filter((text) => text.length > 0).map((text) => new TextEncoder().encode(text));
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = rest.shift();
      if (chunk) return controller.enqueue(chunk);
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

const letters = fc.string({ unit: fc.constantFrom(..."abcdefghij"), maxLength: 30 });

Deno.test("the tail is the last bytes that came, however they came", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(letters, { maxLength: 20 }), fc.integer({ min: 1, max: 40 }), async (texts, max) => {
      const tail = new OutputTail(streamOf(texts), max);
      await tail.ended;
      assertEquals(tail.text, texts.join("").slice(-max));
    }),
  );
});

Deno.test("the tail is there before the output ends, and a character that was cut is shown as such", async () => {
  const { promise: said, resolve } = Promise.withResolvers<void>();
  const { promise: end } = Promise.withResolvers<void>();
  const chunks = ["  one", " two €"];
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: "bytes",
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk !== undefined) return controller.enqueue(new TextEncoder().encode(chunk));
      resolve();
      return end;
    },
  });
  const whole = new OutputTail(stream, 100);
  await said;
  assertEquals(whole.text, "one two €");
  const cut = new OutputTail(streamOf(["one two €"]), 2);
  await cut.ended;
  assertEquals(cut.text, "\ufffd\ufffd");
});

Deno.test("a flood is read into one buffer", async () => {
  const buffers = new Set<number>();
  let rounds = 1_000;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: "bytes",
    pull(controller) {
      const request = (controller as ReadableByteStreamController).byobRequest;
      assert(request?.view, "the reader brings its own buffer");
      buffers.add(request.view.buffer.byteLength);
      if (rounds-- > 0) return request.respond(request.view.byteLength);
      controller.close();
      request.respond(0);
    },
  });
  const tail = new OutputTail(stream, 8);
  await tail.ended;
  assertEquals([...buffers], [64 * 1024]);
});
