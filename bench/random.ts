/** Numbers that look random and follow from a seed, so that a run can be repeated (sfc32, a small generator of good quality). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** The numbers of one case: they depend on the seed, the part of the run and the case's index, and on nothing before it. */
  constructor(seed: number, part = "", index = 0) {
    this.#a = seed | 0;
    this.#b = hash(part);
    this.#c = index | 0;
    // The first numbers still show how alike two seeds are.
    for (let round = 0; round < 16; round++) this.u32();
  }

  /** A whole number from 0 to 2^32 - 1. */
  u32(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ this.#b >>> 9;
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21 | this.#c >>> 11) + sum) | 0;
    return sum >>> 0;
  }

  /** A number from 0 up to, but not, 1. */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }

  /** A whole number from 0 to `limit` - 1; 0 if there is none. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True so often. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError("Cannot pick: there are no choices, at least one wanted");
    return choice;
  }

  /** A key, each as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights) as [K, number][];
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    const [last] = entries.at(-1) ?? [];
    if (last === undefined) throw new RangeError("Cannot pick: there are no choices, at least one wanted");
    return entries.find(([, weight]) => (left -= weight) < 0)?.[0] ?? last;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.u32());
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
