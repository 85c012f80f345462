/** What the tests share: a real PVF, blocks for it, and what must come of them. `pvf-data.md` tells how they were made. */

import { loadCryptoWasm } from "../src/crypto/load.ts";

/** The module that hashes and verifies. */
export const wasmBytes: Uint8Array<ArrayBuffer> = await loadCryptoWasm();

/** A block for the PVF, as `cases.json` describes it. */
export interface Case {
  readonly name: string;
  readonly description: string;
  readonly outcome: "ok" | "trap";
  /** What the code logs before it traps; `null` stands for what is not a panic message. */
  readonly panic?: readonly (string | null)[];
  /** How often each host function is called. */
  readonly hostFunctions: Readonly<Record<string, number>>;
  readonly memoryPages: number;
}

const TESTDATA = new URL("./testdata/", import.meta.url);

/** All cases. */
export const cases: readonly Case[] = JSON.parse(Deno.readTextFileSync(new URL("cases.json", TESTDATA)));

let code: Promise<Uint8Array> | undefined;

/** The code of Rococo Asset Hub's genesis, compressed, 604,843 bytes. */
export function pvfCode(): Promise<Uint8Array> {
  return code ??= loadCode();
}

async function loadCode(): Promise<Uint8Array> {
  const { chainSpec } = await import("@substrate/connect-known-chains/rococo_v2_2_asset_hub");
  const hex: string = JSON.parse(chainSpec).genesis.raw.top["0x3a636f6465"];
  return Uint8Array.fromHex(hex.slice(2));
}

/** The bytes of a file in `testdata/`. */
export function testFile(path: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(path, TESTDATA));
}

/** The argument of `validate_block` of a case. */
export function caseParams(name: string): Uint8Array<ArrayBuffer> {
  return testFile(`${name}/validation_params.bin`);
}

/** What `validate_block` must return, for a case whose name starts with v. */
export function caseResult(name: string): Uint8Array<ArrayBuffer> {
  return testFile(`${name}/validation_result.bin`);
}

/** Inputs and outputs of host functions: a list of rows for each function, hexadecimal inputs first, then the output. */
export function hostVectors(): Record<string, string[][]> {
  const { note: _, ...vectors } = JSON.parse(Deno.readTextFileSync(new URL("host_vectors.json", TESTDATA)));
  return vectors;
}
