import { assertEquals, assertStrictEquals } from "@std/assert";
import { ExecuteFailure } from "../../../src/engine/engine.ts";
import { callFailure, constructionFailure } from "../../../src/engine/pvf/failures.ts";

function kindOf(error: unknown): string {
  return error instanceof ExecuteFailure ? error.kind : `not an ExecuteFailure: ${error}`;
}

Deno.test("memory that the machine does not have is a matter of resources", () => {
  const messages = [
    "WebAssembly.Memory(): could not allocate memory",
    "WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance",
    "Array buffer allocation failed",
  ];
  for (const message of messages) {
    assertEquals(kindOf(callFailure(new RangeError(message), undefined)), "resources");
    assertEquals(kindOf(constructionFailure(new RangeError(message))), "resources");
  }
});

Deno.test("other exceptions stay what they are", () => {
  for (const error of [new RangeError("Offset is outside the bounds of the DataView"), new TypeError("x"), "text"]) {
    assertStrictEquals(callFailure(error, "panicked at"), error);
    assertStrictEquals(constructionFailure(error), error);
  }
});

Deno.test("a failure of the engine keeps its kind and message", () => {
  const failure = new ExecuteFailure("unsupported", "host function x is not supported");
  assertStrictEquals(callFailure(failure, "panicked at"), failure);
});
