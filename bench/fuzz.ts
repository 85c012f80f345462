// deno-lint-ignore-file no-console -- a command prints
/**
 * Changes code and parameters at random and gives them to real workers: `deno task fuzz [--seed N] [--code N] [--params N]`. The same
 * seed and numbers give the same cases; `--only PART:INDEX` runs one of them, as a line about a violation names it.
 *
 * Exit status 1 says that something happened that must not: see the parts.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { type BaseWeights, CodeCases } from "./fuzz/code_cases.ts";
import { codeBases } from "./fuzz/code_bases.ts";
import { ParamsCases } from "./fuzz/params_cases.ts";
import { paramsPart } from "./fuzz/params_part.ts";
import { precheckPart } from "./fuzz/precheck_part.ts";
import { preparePart } from "./fuzz/prepare_part.ts";
import { Tally } from "./fuzz/tally.ts";

const DEFAULT_CASES = 20_000;
/** What share of the code goes through a whole host, which takes a process or two for each case. */
const HOST_SHARE = 0.2;
/** The real code takes fifty times longer to prepare than the small modules. */
const PREPARE_WEIGHTS: BaseWeights = { smallest: 14, adder: 25, halt: 1, busy: 25, real: 35 };
const PRECHECK_WEIGHTS: BaseWeights = { smallest: 7, adder: 20, halt: 1, busy: 22, real: 50 };

type Part = "prepare" | "precheck" | "params";

interface Arguments {
  readonly seed: number;
  readonly counts: Readonly<Record<Part, number>>;
  readonly only?: { readonly part: string; readonly index: number };
}

function readArguments(args: string[]): Arguments {
  const given = parseArgs(args, { string: ["seed", "code", "params", "only"] });
  const code = whole("code", given.code, DEFAULT_CASES);
  const precheck = Math.round(code * HOST_SHARE);
  const [part, index] = given.only?.split(":") ?? [];
  return {
    seed: whole("seed", given.seed, crypto.getRandomValues(new Uint32Array(1))[0] ?? 0),
    counts: { prepare: code - precheck, precheck, params: whole("params", given.params, DEFAULT_CASES) },
    ...(part === undefined ? {} : { only: { part, index: whole("only", index, 0) } }),
  };
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d+$/.test(text)) return Number(text);
  throw new TypeError(`Cannot use --${name} "${text}": a whole number wanted`);
}

async function main({ seed, counts, only }: Arguments): Promise<number> {
  console.log(
    `seed ${seed}: repeat with --seed ${seed} --code ${counts.prepare + counts.precheck} --params ${counts.params}`,
  );
  globalThis.addEventListener("unhandledrejection", () => console.log(`VIOLATION with seed ${seed}: nobody handles`));
  const bases = await codeBases();
  const parts: Record<Part, (indexes: Iterable<number>, tally: Tally) => Promise<void>> = {
    prepare: (...run) => preparePart(new CodeCases(bases, PREPARE_WEIGHTS, seed, "prepare"), ...run),
    precheck: (...run) => precheckPart(new CodeCases(bases, PRECHECK_WEIGHTS, seed, "precheck"), ...run),
    params: async (...run) => await paramsPart(await ParamsCases.load(seed), ...run),
  };
  const violations: string[] = [];
  for (const [part, run] of Object.entries(parts)) {
    const indexes = only ? (only.part === part ? [only.index] : []) : range(counts[part as Part]);
    if (indexes.length === 0) continue;
    const tally = new Tally(part, indexes.length);
    await run(indexes, tally);
    tally.print();
    violations.push(...tally.violations);
  }
  console.log(`\nseed ${seed}: ${violations.length} violations`);
  violations.forEach((violation) => console.log(violation));
  return violations.length > 0 ? 1 : 0;
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

// What hangs must not keep the run from its end.
Deno.exit(await main(readArguments(Deno.args)));
