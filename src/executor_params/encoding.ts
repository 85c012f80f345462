/** Executor parameters as a relay chain keeps them: upstream's `Vec<ExecutorParam>` in SCALE. */
import { type Codec, decode, encode, ScaleError, type ScaleReader, u8, vec } from "../protocol/scale.ts";
import { checkExecutorParams } from "./check.ts";
import type { ExecutorParams } from "./executor_params.ts";
import { ExecutorParamsError } from "./executor_params_error.ts";
import { type Param, PARAMS } from "./param_table.ts";
import { fromValues, type ParamValue, valuesOf } from "./values.ts";

/** One item of the list. */
export const PARAM: Codec<ParamValue> = {
  encode(writer, [param, value]) {
    for (const byte of param.tag) u8.encode(writer, byte);
    param.codec.encode(writer, value);
  },
  decode(reader, what) {
    const param = readTag(reader, what);
    return [param, param.codec.decode(reader, `${what}.${param.name}`)];
  },
};

const PARAM_LIST: Codec<ParamValue[]> = vec(PARAM);

/**
 * Executor parameters in the form in which a relay chain keeps them: a SCALE-encoded list of those that are given, in the order of
 * their indices.
 *
 * @param params The parameters
 * @returns The encoded list
 * @throws {ExecutorParamsError} No relay chain would accept the parameters
 *
 * @example
 * ```ts
 * import { encodeExecutorParams } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const list = encodeExecutorParams({ maxMemoryPages: 8192, wasmExtBulkMemory: true });
 * assertEquals(list, Uint8Array.of(2 << 2, 1, 0, 32, 0, 0, 7));
 * ```
 */
export function encodeExecutorParams(params: ExecutorParams): Uint8Array<ArrayBuffer> {
  checkExecutorParams(params);
  return encode(PARAM_LIST, valuesOf(params));
}

/**
 * The executor parameters that a relay chain keeps, as `Configuration.ActiveConfig` and the runtime call
 * `ParachainHost_session_executor_params` give them. Their order in the list is not kept: upstream's hashes depend on it, and those of
 * a `Pvf` are always of the list in the order of its indices.
 *
 * @param encoded A SCALE-encoded list
 * @returns The parameters that are in the list
 * @throws {ScaleError} The bytes are no such list, or one with a parameter that this host does not know
 * @throws {ExecutorParamsError} A parameter is there twice, or no relay chain would accept the parameters
 *
 * @example
 * ```ts
 * import { decodeExecutorParams, Pvf } from "@kiln/host";
 * import { assertEquals } from "@std/assert";
 *
 * const list = Uint8Array.fromHex("0c" + "0100200000" + "0600c409000000000000" + "0601983a000000000000");
 * const executorParams = decodeExecutorParams(list);
 * assertEquals(executorParams, { maxMemoryPages: 8192, execTimeoutMs: { backing: 2_500, approval: 15_000 } });
 *
 * const pvf = await Pvf.fromCode(new Uint8Array(), { executorParams });
 * assertEquals(pvf.executorParams, executorParams);
 * ```
 */
export function decodeExecutorParams(encoded: Uint8Array): ExecutorParams {
  const values = decode(PARAM_LIST, encoded, "executor params");
  checkOnce(values);
  const params = fromValues(values);
  checkExecutorParams(params);
  return params;
}

function checkOnce(values: readonly ParamValue[]): void {
  const seen = new Set<Param>();
  for (const [param] of values) {
    if (seen.has(param)) throw duplicated(param.name, values.filter(([other]) => other === param));
    seen.add(param);
  }
}

function duplicated(name: string, values: readonly ParamValue[]): ExecutorParamsError {
  const list = values.map(([, value]) => value).join(", ");
  const problem = `Cannot use ${name} ${list}: it is there ${values.length} times, once wanted`;
  return new ExecutorParamsError("DuplicatedParam", [name], problem);
}

/** The parameter whose index comes next, for a timeout with its kind's. */
function readTag(reader: ScaleReader, what: string): Param {
  const index = reader.u8(what);
  const [first, ...others] = PARAMS.filter(({ tag }) => tag[0] === index);
  if (first === undefined) throw unknown(what, `tag ${index}`, "1 to 7");
  if (first.tag.length === 1) return first;
  const kind = reader.u8(what);
  const found = [first, ...others].find(({ tag }) => tag[1] === kind);
  if (found === undefined) throw unknown(what, `kind ${kind} of timeout`, "0 or 1");
  return found;
}

function unknown(what: string, found: string, wanted: string): ScaleError {
  return new ScaleError(`Cannot decode ${what}: unknown ${found}, ${wanted} wanted`);
}
