import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import * as peer from "scale-ts";
import {
  decodeExecutorParams,
  encodeExecutorParams,
  type ExecutorParams,
  ExecutorParamsError,
} from "../../src/executor_params.ts";
import { ScaleError } from "../../src/protocol/scale.ts";
import { anyParams } from "./arbitrary.ts";

/** Upstream's `Vec<ExecutorParam>`, written down anew: `#[codec(index = ...)]` from 1 to 7. */
const PEER_LIST = peer.Vector(peer.Enum({
  MaxMemoryPages: peer.u32,
  StackLogicalMax: peer.u32,
  StackNativeMax: peer.u32,
  PrecheckingMaxMemory: peer.u64,
  PvfPrepTimeout: peer.Tuple(peer.Enum({ Precheck: peer._void, Prepare: peer._void }), peer.u64),
  PvfExecTimeout: peer.Tuple(peer.Enum({ Backing: peer._void, Approval: peer._void }), peer.u64),
  WasmExtBulkMemory: peer._void,
}, [1, 2, 3, 4, 5, 6, 7]));
type PeerList = peer.CodecType<typeof PEER_LIST>;
type PeerParam = PeerList[number];

/** The list that parameters stand for, in the order of the indices. */
function peerList(params: ExecutorParams): PeerList {
  const { maxMemoryPages, stackLogicalMax, stackNativeMax, precheckingMaxMemoryBytes } = params;
  const { precheck, prepare } = params.prepTimeoutMs ?? {};
  const { backing, approval } = params.execTimeoutMs ?? {};
  const unit = undefined;
  const all: (PeerParam | undefined)[] = [
    maxMemoryPages === undefined ? unit : { tag: "MaxMemoryPages", value: maxMemoryPages },
    stackLogicalMax === undefined ? unit : { tag: "StackLogicalMax", value: stackLogicalMax },
    stackNativeMax === undefined ? unit : { tag: "StackNativeMax", value: stackNativeMax },
    precheckingMaxMemoryBytes === undefined
      ? unit
      : { tag: "PrecheckingMaxMemory", value: BigInt(precheckingMaxMemoryBytes) },
    precheck === undefined
      ? unit
      : { tag: "PvfPrepTimeout", value: [{ tag: "Precheck", value: unit }, BigInt(precheck)] },
    prepare === undefined ? unit : { tag: "PvfPrepTimeout", value: [{ tag: "Prepare", value: unit }, BigInt(prepare)] },
    backing === undefined ? unit : { tag: "PvfExecTimeout", value: [{ tag: "Backing", value: unit }, BigInt(backing)] },
    approval === undefined
      ? unit
      : { tag: "PvfExecTimeout", value: [{ tag: "Approval", value: unit }, BigInt(approval)] },
    params.wasmExtBulkMemory ? { tag: "WasmExtBulkMemory", value: unit } : unit,
  ];
  return all.filter((param) => param !== undefined);
}

Deno.test("executor params are written as scale-ts writes upstream's list, and read back", () => {
  fc.assert(fc.property(anyParams, (params) => {
    const encoded = encodeExecutorParams(params);
    assertEquals(encoded, PEER_LIST.enc(peerList(params)));
    assertEquals(decodeExecutorParams(encoded), params);
  }));
});

Deno.test("each param has the bytes that a relay chain's storage has", () => {
  const known: [hex: string, params: ExecutorParams][] = [
    ["00", {}],
    ["040100200000", { maxMemoryPages: 8192 }],
    ["040200000200", { stackLogicalMax: 131_072 }],
    ["040300000020", { stackNativeMax: 512 * 2 ** 20 }],
    ["04040000008000000000", { precheckingMaxMemoryBytes: 2 * 2 ** 30 }],
    ["04050060ea000000000000", { prepTimeoutMs: { precheck: 60_000 } }],
    ["040501c0270900" + "00000000", { prepTimeoutMs: { prepare: 600_000 } }],
    ["040600c409000000000000", { execTimeoutMs: { backing: 2_500 } }],
    ["040601983a000000000000", { execTimeoutMs: { approval: 15_000 } }],
    ["0407", { wasmExtBulkMemory: true }],
  ];
  for (const [hex, params] of known) {
    assertEquals(encodeExecutorParams(params).toHex(), hex);
    assertEquals(decodeExecutorParams(Uint8Array.fromHex(hex)), params);
  }
});

Deno.test("bulk memory that is not allowed is not in the list", () => {
  assertEquals(encodeExecutorParams({ wasmExtBulkMemory: false }), Uint8Array.of(0));
});

Deno.test("a list is read in any order, and written in the order of its indices", () => {
  fc.assert(fc.property(
    anyParams.chain((params) => {
      const list = peerList(params);
      return fc.tuple(fc.constant(params), fc.shuffledSubarray(list, { minLength: list.length }));
    }),
    ([params, list]) => assertEquals(decodeExecutorParams(PEER_LIST.enc(list)), params),
  ));
});

Deno.test("a param that is there twice is refused, in each of its kinds, and whatever its values", () => {
  const cases: [hex: string, name: string, message: string][] = [
    ["08" + "0101000000" + "0101000000", "maxMemoryPages", "Cannot use maxMemoryPages 1, 1: it is there 2 times"],
    ["08" + "0101000000" + "0100000000", "maxMemoryPages", "maxMemoryPages 1, 0: it is there 2 times, once wanted"],
    ["0c" + "07" + "07" + "07", "wasmExtBulkMemory", "it is there 3 times"],
    [
      "08" + "0500010000000000" + "0000" + "0500020000000000" + "0000",
      "prepTimeoutMs.precheck",
      "prepTimeoutMs.precheck 1, 2",
    ],
  ];
  for (const [hex, name, message] of cases) {
    const error = assertThrows(() => decodeExecutorParams(Uint8Array.fromHex(hex)), ExecutorParamsError, message);
    assertEquals([error.kind, error.params], ["DuplicatedParam", [name]]);
  }
});

Deno.test("any list with a param twice is refused for that", () => {
  const lists = anyParams.map(peerList).filter((list) => list.length > 0).chain((list) =>
    fc.tuple(fc.nat(list.length - 1), fc.nat(list.length)).map(([from, to]) =>
      list.toSpliced(to, 0, ...list.slice(from, from + 1))
    )
  );
  fc.assert(fc.property(lists, (list) => {
    const error = assertThrows(() => decodeExecutorParams(PEER_LIST.enc(list)), ExecutorParamsError);
    assertEquals(error.kind, "DuplicatedParam");
  }));
});

Deno.test("two kinds of one timeout are no duplicates", () => {
  const params = { prepTimeoutMs: { precheck: 1, prepare: 2 }, execTimeoutMs: { backing: 1, approval: 2 } };
  assertEquals(decodeExecutorParams(encodeExecutorParams(params)), params);
});

Deno.test("encoding and decoding refuse what no relay chain accepts", () => {
  assertThrows(
    () => encodeExecutorParams({ maxMemoryPages: 2 ** 32 }),
    ExecutorParamsError,
    "maxMemoryPages 4294967296",
  );
  const zeroPages = Uint8Array.fromHex("040100000000");
  const error = assertThrows(() => decodeExecutorParams(zeroPages), ExecutorParamsError, "maxMemoryPages 0");
  assertEquals(error.kind, "OutsideLimit");
});

Deno.test("decoding says what it does not understand", () => {
  const cases: [hex: string, message: string][] = [
    ["", "Cannot decode executor params: 1 bytes wanted at offset 0, 0 left"],
    ["0400", "Cannot decode executor params[0]: unknown tag 0, 1 to 7 wanted"],
    ["0807" + "0801", "Cannot decode executor params[1]: unknown tag 8, 1 to 7 wanted"],
    ["040502" + "00".repeat(8), "Cannot decode executor params[0]: unknown kind 2 of timeout, 0 or 1 wanted"],
    ["04010000", "Cannot decode executor params[0].maxMemoryPages: 4 bytes wanted at offset 2, 2 left"],
    ["0407" + "00", "Cannot decode executor params: 1 bytes left over after offset 2"],
    ["010007", "is not in its shortest form"],
    ["040601" + "ff".repeat(8), "execTimeoutMs.approval: 18446744073709551615 is over 2^53 - 1"],
  ];
  for (const [hex, message] of cases) {
    assertThrows(() => decodeExecutorParams(Uint8Array.fromHex(hex)), ScaleError, message);
  }
});

Deno.test("decoding throws nothing but its own errors, and otherwise gives what encodes to the same length", () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const damaged = fc.tuple(anyParams, fc.nat(80), fc.nat(255)).map(([params, at, value]) => {
    const encoded = encodeExecutorParams(params);
    encoded[at % encoded.length] = value;
    return encoded;
  });
  fc.assert(
    fc.property(fc.oneof(bytes, damaged), (encoded) => {
      try {
        assertEquals(encodeExecutorParams(decodeExecutorParams(encoded)).length, encoded.length);
        return true;
      } catch (error) {
        return error instanceof ScaleError || error instanceof ExecutorParamsError;
      }
    }),
    { numRuns: 2_000 },
  );
});
