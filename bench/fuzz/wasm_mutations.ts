/** Changes of a WebAssembly module by its sections. The lengths around a change mostly fit, so that it is reached. */
import { concat } from "../../src/engine/pvf/concat.ts";
import type { Random } from "../random.ts";
import { leb128, mutateBytes, type Mutated, mutateInPlace } from "./byte_mutations.ts";

/** A section as it is to be written: neither has to be one that there is. */
interface Section {
  readonly id: number;
  readonly content: Uint8Array;
  /** The length that is announced, where that is not the content's. */
  readonly announced?: number;
  /** In how many bytes the length is written at the least. */
  readonly lengthBytes?: number;
}

type SectionMutation = (sections: Section[], random: Random, donors: readonly Section[]) => Section[];

const PREAMBLE_BYTES = 8;
const MAX_SECTION = 13;
const IDS = { code: 10, data: 11 } as const;

const MUTATIONS = {
  "drop a section": (sections, random) => sections.toSpliced(random.below(sections.length), 1),
  "duplicate a section": (sections, random) => {
    const copied = sections.slice(random.below(sections.length)).slice(0, 1);
    return sections.toSpliced(random.below(sections.length + 1), 0, ...copied);
  },
  "move a section": (sections, random) => {
    const from = random.below(sections.length);
    const rest = sections.toSpliced(from, 1);
    return rest.toSpliced(random.below(rest.length + 1), 0, ...sections.slice(from, from + 1));
  },
  "renumber a section": changeOne((section, random) => ({ ...section, id: random.between(0, MAX_SECTION) })),
  "change a length": changeOne((section, random) => ({
    ...section,
    announced: Math.max(0, random.pick([-1, 1, -8, 8, 127, 0x7fffffff]) + section.content.length),
  })),
  "write a length at length": changeOne((section, random) => ({ ...section, lengthBytes: random.between(2, 6) })),
  "change a count": changeOne(changeCount),
  "empty a section": changeOne((section) => ({ ...section, content: new Uint8Array() })),
  "change a section": changeOne((section, random) => ({
    ...section,
    content: mutateBytes(section.content, random).bytes,
  })),
  "change bytes in place": (sections, random) => {
    const id = random.weighted({ code: 60, data: 15, any: 25 });
    const at = id === "any" ? random.below(sections.length) : sections.findIndex((section) => section.id === IDS[id]);
    const section = sections[at];
    if (!section) return sections;
    return sections.with(at, { ...section, content: mutateInPlace(section.content, random) });
  },
  "insert a custom section": (sections, random) => {
    const custom = { id: 0, content: random.bytes(random.pick([0, 1, 5, 64])) };
    return sections.toSpliced(random.below(sections.length + 1), 0, custom);
  },
  "take a section from another module": (sections, random, donors) => {
    if (donors.length === 0) return sections;
    const donor = random.pick(donors);
    const at = sections.findIndex(({ id }) => id === donor.id);
    return sections.toSpliced(at < 0 ? random.below(sections.length + 1) : at, at < 0 ? 0 : 1, donor);
  },
} satisfies Record<string, SectionMutation>;

const WEIGHTS: Record<keyof typeof MUTATIONS, number> = {
  "drop a section": 8,
  "duplicate a section": 6,
  "move a section": 6,
  "renumber a section": 5,
  "change a length": 8,
  "write a length at length": 5,
  "change a count": 10,
  "empty a section": 4,
  "change a section": 25,
  "change bytes in place": 75,
  "insert a custom section": 4,
  "take a section from another module": 8,
};

/** Changes one of the sections of `wasm`, or their order. `donor` is another module. */
export function mutateSections(wasm: Uint8Array, random: Random, donor: Uint8Array): Mutated {
  const how = random.weighted(WEIGHTS);
  const sections = MUTATIONS[how](readSections(wasm), random, readSections(donor));
  return { bytes: concat([wasm.subarray(0, PREAMBLE_BYTES), ...sections.map(writeSection)]), how };
}

/** The sections of a module; where it is none, those up to the fault. */
function readSections(wasm: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = PREAMBLE_BYTES; at < wasm.length;) {
    const id = wasm[at++] ?? 0;
    let length = 0;
    for (let shift = 0; at < wasm.length; shift += 7) {
      const byte = wasm[at++] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    sections.push({ id, content: wasm.subarray(at, at + length) });
    at += length;
  }
  return sections;
}

function writeSection({ id, content, announced = content.length, lengthBytes }: Section): Uint8Array {
  return concat([[id], leb128(announced, lengthBytes), content]);
}

function changeOne(change: (section: Section, random: Random) => Section): SectionMutation {
  return (sections, random) => {
    const at = random.below(sections.length);
    const section = sections[at];
    return section ? sections.with(at, change(section, random)) : sections;
  };
}

/** A count of up to 127 stands in one byte, which is so for most sections of small modules. */
function changeCount(section: Section, random: Random): Section {
  const count = section.content[0] ?? 0;
  const changed = random.pick([0, count + 1, Math.max(0, count - 1), 0x7fffffff, 0xffffffff]);
  return { ...section, content: concat([leb128(changed), section.content.subarray(1)]) };
}
