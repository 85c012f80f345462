/** The sections that a WebAssembly binary consists of. */
import { invalidModule, WasmReader } from "./wasm_reader.ts";

/** From one offset up to but not including another. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A section. The span is its content; `header` is where its number stands, before its size. */
export interface Section extends Span {
  readonly name: SectionName;
  readonly header: number;
}

export type SectionName = typeof SECTION_NAMES[number];

const MAGIC = "0061736d";
const VERSION = "01000000";
const SECTION_NAMES = [
  "custom",
  "type",
  "import",
  "function",
  "table",
  "memory",
  "global",
  "export",
  "start",
  "element",
  "code",
  "data",
  "data count",
] as const;
/** The order in which sections come, by number. Custom ones may be anywhere. */
const ORDER = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11];

/** The sections of `wasm` but the custom ones; together they fill it. Throws `PrepareFailure` if they do not, or are unknown, twice there or out of order. */
export function readSections(wasm: Uint8Array): Section[] {
  const reader = new WasmReader(wasm);
  readPreamble(reader);
  const sections: Section[] = [];
  let last = -1;
  while (reader.remaining > 0) {
    const header = reader.offset;
    const id = reader.u8("a section's number");
    const name = SECTION_NAMES[id];
    if (name === undefined) {
      throw invalidModule(`section ${id} at offset ${header} is unknown, 0 to ${SECTION_NAMES.length - 1} wanted`);
    }
    const content = reader.take(reader.u32(`the size of the ${name} section`), `the ${name} section`);
    // Nobody asks for custom sections, of which there may be millions.
    if (name === "custom") continue;
    sections.push({ name, header, start: reader.offset - content.length, end: reader.offset });
    const place = ORDER.indexOf(id);
    if (place <= last) throw invalidModule(`the ${name} section at offset ${header} is out of order or there twice`);
    last = place;
  }
  return sections;
}

function readPreamble(reader: WasmReader): void {
  if (reader.remaining === 0) throw invalidModule("it is empty, WebAssembly wanted");
  const magic = reader.take(Math.min(4, reader.remaining), "the magic number").toHex();
  if (magic !== MAGIC) throw invalidModule(`it starts with ${magic}, the magic number ${MAGIC} of WebAssembly wanted`);
  const version = reader.take(4, "the version").toHex();
  if (version !== VERSION) throw invalidModule(`its version is ${version}, ${VERSION} wanted`);
}
