/** Mutated code: each case follows from the seed, the part of the run and its index. */
import { Random } from "../random.ts";
import { mutateBytes, type Mutated } from "./byte_mutations.ts";
import type { CodeBase } from "./code_bases.ts";
import { brokenPrefix, compressed, CONTENT } from "./maybe_compressed.ts";
import { mutateSections } from "./wasm_mutations.ts";

/** Mutated code, and what was done to it. */
export interface CodeCase {
  readonly base: CodeBase;
  readonly code: Uint8Array;
  readonly how: string;
}

/** How often each base is taken. */
export type BaseWeights = Readonly<Record<CodeBase, number>>;

const FORMS = {
  "plain": 60,
  "compressed": 20,
  "compressed, then mutated": 14,
  "compressed as something else": 3,
  "broken prefix": 3,
} as const;

/** Makes mutated code. */
export class CodeCases {
  readonly #bases: Readonly<Record<CodeBase, Uint8Array>>;
  readonly #weights: BaseWeights;
  readonly #seed: number;
  readonly #part: string;

  constructor(bases: Readonly<Record<CodeBase, Uint8Array>>, weights: BaseWeights, seed: number, part: string) {
    this.#bases = bases;
    this.#weights = weights;
    this.#seed = seed;
    this.#part = part;
  }

  make(index: number): CodeCase {
    const random = new Random(this.#seed, this.#part, index);
    const base = random.weighted(this.#weights);
    const form = random.weighted(FORMS);
    const plain = form === "compressed, then mutated"
      ? { bytes: this.#bases[base], how: "unchanged" }
      : this.#mutateWasm(this.#bases[base], random);
    const { bytes, how } = wrap(plain, form, random);
    return { base, code: bytes, how: `${base}, ${how}` };
  }

  /** Mostly one change: what many changes do, the first of them hides. */
  #mutateWasm(wasm: Uint8Array, random: Random): Mutated {
    let mutated: Mutated = { bytes: wasm, how: "" };
    for (let count = random.pick([1, 1, 1, 2, 3]); count > 0; count--) {
      const donor = this.#bases[random.pick(["smallest", "adder", "busy"] as const)];
      const { bytes, how } = random.chance(0.25)
        ? mutateBytes(mutated.bytes, random)
        : mutateSections(mutated.bytes, random, donor);
      mutated = { bytes, how: mutated.how === "" ? how : `${mutated.how}, ${how}` };
    }
    return mutated;
  }
}

function wrap({ bytes, how }: Mutated, form: keyof typeof FORMS, random: Random): Mutated {
  const content = random.pick([CONTENT.any, CONTENT.code]);
  switch (form) {
    case "plain":
      return { bytes, how };
    case "compressed":
      return { bytes: compressed(bytes, content), how: `${how}, ${form}` };
    case "compressed, then mutated": {
      const mutated = mutateBytes(compressed(bytes, content), random);
      return { bytes: mutated.bytes, how: `${form}: ${mutated.how}` };
    }
    case "compressed as something else": {
      const other = random.pick([CONTENT.blockData, CONTENT.polkaVm, random.below(256)]);
      return { bytes: compressed(bytes, other), how: `${how}, ${form}` };
    }
    case "broken prefix":
      return { bytes: brokenPrefix(compressed(bytes, content), random), how: `${how}, ${form}` };
  }
}
