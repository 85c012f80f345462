/** What is wrong with executor parameters, in upstream's terms. */

/**
 * What {@linkcode ExecutorParamsError} says of parameters: one is there twice, one is out of its range, or two do not go together.
 *
 * @example
 * ```ts
 * import { encodeExecutorParams, ExecutorParamsError, type ExecutorParamsErrorKind } from "@kiln/host";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const wanted: ExecutorParamsErrorKind = "OutsideLimit";
 * const error = assertThrows(() => encodeExecutorParams({ maxMemoryPages: 0 }), ExecutorParamsError);
 * assertEquals(error.kind, wanted);
 * ```
 */
export type ExecutorParamsErrorKind = "DuplicatedParam" | "OutsideLimit" | "IncompatibleValues";

/**
 * Executor parameters that no relay chain would accept.
 *
 * @example Values that do not go together, one of them a default
 * ```ts
 * import { ExecutorParamsError, Pvf } from "@kiln/host";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const executorParams = { execTimeoutMs: { backing: 12_000 } };
 * const error = await assertRejects(() => Pvf.fromCode(new Uint8Array(), { executorParams }), ExecutorParamsError);
 * assertEquals(error.kind, "IncompatibleValues");
 * assertEquals(error.params, ["execTimeoutMs.backing", "execTimeoutMs.approval"]);
 * ```
 */
export class ExecutorParamsError extends RangeError {
  /** The name of the class. */
  override name = "ExecutorParamsError";
  /** What is wrong. */
  readonly kind: ExecutorParamsErrorKind;
  /** The parameters that it is about, as in `ExecutorParams`: one, or two that do not go together. */
  readonly params: readonly string[];

  /**
   * An error about executor parameters.
   *
   * @param kind What is wrong
   * @param params The parameters that it is about
   * @param message The text for people
   */
  constructor(kind: ExecutorParamsErrorKind, params: readonly string[], message: string) {
    super(message);
    this.kind = kind;
    this.params = params;
  }
}
