import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { bytes, encode, struct, vec } from "../../../../src/protocol/scale.ts";
import { ExecuteFailure } from "../../../../src/engine/engine.ts";
import { hostVectors } from "../../../testdata.ts";
import { Harness, unhex } from "./harness.ts";

const ROOT = "ext_trie_blake2_256_root_version_";
const ORDERED_ROOT = "ext_trie_blake2_256_ordered_root_version_";
const EMPTY = "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314";
const ENTRIES = vec(struct<{ key: Uint8Array; value: Uint8Array }>({ key: bytes, value: bytes }));

/** Tries with their roots in layouts 0 and 1, as computed by smoldot. */
const TRIES: { entries: [key: string, value: string][]; roots: [string, string] }[] = [
  {
    entries: [
      ["", "01".repeat(33)],
      ["00", "02".repeat(32)],
      ["0011", "03".repeat(40)],
      ["0012", "04"],
      ["10", "05".repeat(100)],
      ["1f", ""],
    ],
    roots: [
      "346976797ba1b744a94a2d9c1ddc58db434aee8f4cb7c432561390a2bba9e879",
      "92926da33006b4104437250b740c16613a2b61c9eddbd635cfbf04e620ed2949",
    ],
  },
  {
    entries: [
      ["ab".repeat(40), "06".repeat(33)],
      ["ab".repeat(300), "07"],
      [`${"ab".repeat(300)}cd`, "08".repeat(64)],
      [`${"ab".repeat(40)}11`, "09"],
    ],
    roots: [
      "6790b2872c3a52f0b3ac4d42a2ad8f2ddde4b834c7ed261e5ec031dd8f498c9c",
      "61360497746c09c6202236ee3172456ba842a223ea5631be612f611d4f5833b2",
    ],
  },
  {
    entries: [["aa", "00"]],
    roots: [
      "b2ace19087d3c5d8fedcf82dee36c52cf671db50d1ba52f178cdf2223d8c174f",
      "b2ace19087d3c5d8fedcf82dee36c52cf671db50d1ba52f178cdf2223d8c174f",
    ],
  },
  { entries: [], roots: [EMPTY, EMPTY] },
];

function entriesSlice(harness: Harness, entries: [string, string][]): bigint {
  return harness.slice(encode(ENTRIES, entries.map(([key, value]) => ({ key: unhex(key), value: unhex(value) }))));
}

Deno.test("ext_trie_blake2_256_ordered_root gives what a real runtime was given", () => {
  const harness = new Harness();
  const rows = hostVectors()[`${ORDERED_ROOT}2(state_version=0)`] ?? [];
  for (const [input = "", output = ""] of rows) {
    assertEquals(`0x${harness.bytes(32, `${ORDERED_ROOT}2`, harness.slice(unhex(input)), 0)}`, output);
    assertEquals(`0x${harness.bytes(32, `${ORDERED_ROOT}1`, harness.slice(unhex(input)))}`, output);
  }
  assertEquals(rows.length, 3);
});

Deno.test("ext_trie_blake2_256_ordered_root gives smoldot's roots in both layouts", () => {
  const harness = new Harness();
  const values = Array.from({ length: 70 }, (_, index) => new Uint8Array(index % 45).fill(index));
  const input = harness.slice(encode(vec(bytes), values));
  const roots = [0, 1].map((version) => harness.bytes(32, `${ORDERED_ROOT}2`, input, version));
  assertEquals(roots, [
    "140a8d3b33b9cff8a2e01b94d09f2e1f86d7f9cc3a1d56d0e5ef9d3566afcd6a",
    "9902138efbdd7fb0faf6002640d1773c6f88a7ebc2098e36d410ac108a3e3b4f",
  ]);
});

Deno.test("ext_trie_blake2_256_root gives smoldot's roots in both layouts", () => {
  const harness = new Harness();
  for (const { entries, roots } of TRIES) {
    const input = entriesSlice(harness, entries);
    assertEquals([0, 1].map((version) => harness.bytes(32, `${ROOT}2`, input, version)), roots);
    assertEquals(harness.bytes(32, `${ROOT}1`, input), roots[0]);
  }
});

Deno.test("ext_trie_blake2_256_root does not depend on the order of entries, and of equal keys takes the last", () => {
  const harness = new Harness();
  const [trie] = TRIES;
  fc.assert(fc.property(fc.shuffledSubarray(trie?.entries ?? [], { minLength: 6 }), (entries) => {
    const twice: [string, string][] = [["0012", "ff"], ["10", ""], ...entries];
    assertEquals(harness.bytes(32, `${ROOT}2`, entriesSlice(harness, twice), 1), trie?.roots[1]);
  }));
});

Deno.test("ext_trie_blake2_256_root ignores bytes after its input", () => {
  const harness = new Harness();
  assertEquals(harness.bytes(32, `${ROOT}1`, harness.slice(Uint8Array.of(0, 1, 2, 3))), EMPTY);
});

Deno.test("input that does not decode is a trap, as is a state version that does not exist", () => {
  const harness = new Harness();
  const calls = [
    [() => harness.call(`${ROOT}1`, harness.slice(Uint8Array.of(4, 0))), "Cannot compute a trie root: Cannot decode"],
    [() => harness.call(`${ORDERED_ROOT}2`, harness.slice(Uint8Array.of(8, 0)), 0), "2 items announced, 1 bytes left"],
    [
      () => harness.call(`${ORDERED_ROOT}2`, harness.slice(Uint8Array.of(0)), 2),
      "state version 2 found, 0 or 1 wanted",
    ],
  ] as const;
  for (const [call, message] of calls) assertEquals(assertThrows(call, ExecuteFailure, message).kind, "trap");
});

Deno.test("a key that versions of Substrate disagree about is not supported", () => {
  const harness = new Harness();
  const call = (length: number) =>
    harness.call(`${ROOT}1`, harness.slice(encode(ENTRIES, [{ key: new Uint8Array(length), value: unhex("") }])));
  call(32767);
  assertEquals(assertThrows(() => call(32768), ExecuteFailure).kind, "unsupported");
});
