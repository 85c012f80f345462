/**
 * SCALE, the encoding of Substrate, for exactly the types that Kiln reads and writes. Decoding is strict: it never reads out of
 * bounds, refuses an unknown tag and, in {@linkcode decode}, refuses bytes that are left over.
 */

/**
 * Bytes that do not fit the type that they were decoded as.
 *
 * @example
 * ```ts
 * import { decodeValidationResult, ScaleError } from "@kiln/host";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => decodeValidationResult(new Uint8Array()), ScaleError);
 * ```
 */
export class ScaleError extends Error {
  /** The name of the class. */
  override name = "ScaleError";
}

/** A position in bytes that are being decoded. */
export class ScaleReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How many bytes were read. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** The next `length` bytes, as a view and not a copy. */
  take(length: number, what: string): Uint8Array {
    return this.#bytes.subarray(this.#advance(length, what), this.#offset);
  }

  u8(what: string): number {
    return this.#view.getUint8(this.#advance(1, what));
  }

  u16(what: string): number {
    return this.#view.getUint16(this.#advance(2, what), true);
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#advance(4, what), true);
  }

  u64(what: string): bigint {
    return this.#view.getBigUint64(this.#advance(8, what), true);
  }

  #advance(length: number, what: string): number {
    if (length > this.remaining) {
      throw new ScaleError(
        `Cannot decode ${what}: ${length} bytes wanted at offset ${this.#offset}, ${this.remaining} left`,
      );
    }
    const at = this.#offset;
    this.#offset += length;
    return at;
  }
}

/** Collects encoded pieces; the bytes are joined once, at the end. */
export class ScaleWriter {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(this.#length);
    let offset = 0;
    for (const piece of this.#pieces) {
      joined.set(piece, offset);
      offset += piece.length;
    }
    return joined;
  }
}

/** How a value of one type is written and read. */
export interface Codec<T> {
  encode(writer: ScaleWriter, value: T): void;
  decode(reader: ScaleReader, what: string): T;
}

/** The type that a codec is for. */
export type CodecValue<C> = C extends Codec<infer T> ? T : never;

/** The bytes of `value`. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new ScaleWriter();
  codec.encode(writer, value);
  return writer.finish();
}

/** The value that `bytes` hold, all of them. Throws {@linkcode ScaleError} if they do not fit. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, what: string): T {
  const reader = new ScaleReader(bytes);
  const value = codec.decode(reader, what);
  if (reader.remaining > 0) {
    throw new ScaleError(`Cannot decode ${what}: ${reader.remaining} bytes left over after offset ${reader.offset}`);
  }
  return value;
}

function fixedWidth<T>(
  bytes: number,
  write: (view: DataView, value: T) => void,
  read: (reader: ScaleReader, what: string) => T,
): Codec<T> {
  return {
    encode(writer, value) {
      const piece = new Uint8Array(bytes);
      write(new DataView(piece.buffer), value);
      writer.push(piece);
    },
    decode: read,
  };
}

export const u8: Codec<number> = fixedWidth(
  1,
  (view, value) => view.setUint8(0, value),
  (reader, what) => reader.u8(what),
);
export const u32: Codec<number> = fixedWidth(
  4,
  (view, value) => view.setUint32(0, value, true),
  (reader, what) => reader.u32(what),
);
/** A u64 that JavaScript can hold as a number; a larger one is an error. */
export const u64: Codec<number> = fixedWidth(
  8,
  (view, value) => view.setBigUint64(0, BigInt(value), true),
  (reader, what) => {
    const value = reader.u64(what);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new ScaleError(`Cannot decode ${what}: ${value} is over 2^53 - 1`);
    }
    return Number(value);
  },
);

/** `bool`: 0 or 1, and nothing else. */
export const bool: Codec<boolean> = {
  encode: (writer, value) => u8.encode(writer, value ? 1 : 0),
  decode(reader, what) {
    const tag = reader.u8(what);
    if (tag > 1) throw new ScaleError(`Cannot decode ${what}: unknown tag ${tag}, 0 or 1 wanted`);
    return tag === 1;
  },
};

/** Compact lengths: up to 2^32 - 1 here, and always in the shortest form, as upstream demands. */
export const compactU32: Codec<number> = {
  encode(writer, value) {
    if (value < 1 << 6) u8.encode(writer, value << 2);
    else if (value < 1 << 14) writer.push(Uint8Array.of((value << 2 | 1) & 0xff, value >>> 6));
    else if (value < 2 ** 30) u32.encode(writer, value * 4 + 2);
    else {
      u8.encode(writer, 3);
      u32.encode(writer, value);
    }
  },
  decode(reader, what) {
    const first = reader.u8(what);
    const mode = first & 3;
    if (mode === 0) return first >>> 2;
    let value: number;
    if (mode === 1) value = first >>> 2 | reader.u8(what) << 6;
    else if (mode === 2) value = first >>> 2 | reader.u8(what) << 6 | reader.u16(what) << 14;
    else if (first === 3) value = reader.u32(what);
    else {throw new ScaleError(
        `Cannot decode ${what}: the compact length takes ${(first >>> 2) + 4} bytes, at most 4 wanted`,
      );}
    const least = [0, 1 << 6, 1 << 14, 2 ** 30][mode] ?? 0;
    if (value < least) {
      throw new ScaleError(`Cannot decode ${what}: the compact length ${value} is not in its shortest form`);
    }
    return value;
  },
};

/** `Vec<u8>`. Decoding gives a view of the input. */
export const bytes: Codec<Uint8Array> = {
  encode(writer, value) {
    compactU32.encode(writer, value.length);
    writer.push(value);
  },
  decode: (reader, what) => reader.take(compactU32.decode(reader, what), what),
};

/** `[u8; length]`. Decoding gives a view of the input. */
export function fixedBytes(length: number): Codec<Uint8Array> {
  return {
    encode(writer, value) {
      if (value.length !== length) throw new RangeError(`Cannot encode ${value.length} bytes: ${length} wanted`);
      writer.push(value);
    },
    decode: (reader, what) => reader.take(length, what),
  };
}

/** `String` of at most `maxBytes` bytes; invalid UTF-8 is an error. */
export function text(maxBytes: number): Codec<string> {
  return {
    encode: (writer, value) => bytes.encode(writer, new TextEncoder().encode(value)),
    decode(reader, what) {
      const encoded = bytes.decode(reader, what);
      if (encoded.length > maxBytes) {
        throw new ScaleError(`Cannot decode ${what}: ${encoded.length} bytes, at most ${maxBytes} wanted`);
      }
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(encoded);
      } catch {
        throw new ScaleError(`Cannot decode ${what}: ${encoded.length} bytes are not UTF-8`);
      }
    },
  };
}

/** `Vec<T>` of at most `maxItems` items. */
export function vec<T>(item: Codec<T>, maxItems = Infinity): Codec<T[]> {
  return {
    encode(writer, values) {
      compactU32.encode(writer, values.length);
      for (const value of values) item.encode(writer, value);
    },
    decode(reader, what) {
      const length = compactU32.decode(reader, what);
      // Every item takes at least a byte, so a longer list than the bytes that are left can be refused before it is built.
      if (length > reader.remaining) {
        throw new ScaleError(`Cannot decode ${what}: ${length} items announced, ${reader.remaining} bytes left`);
      }
      if (length > maxItems) {
        throw new ScaleError(`Cannot decode ${what}: ${length} items announced, at most ${maxItems} wanted`);
      }
      const values: T[] = [];
      for (let index = 0; index < length; index++) values.push(item.decode(reader, `${what}[${index}]`));
      return values;
    },
  };
}

/** `Option<T>`, with `undefined` for none. */
export function option<T>(some: Codec<T>): Codec<T | undefined> {
  return {
    encode(writer, value) {
      u8.encode(writer, value === undefined ? 0 : 1);
      if (value !== undefined) some.encode(writer, value);
    },
    decode(reader, what) {
      const tag = reader.u8(what);
      if (tag > 1) throw new ScaleError(`Cannot decode ${what}: unknown tag ${tag}, 0 or 1 wanted`);
      return tag === 0 ? undefined : some.decode(reader, what);
    },
  };
}

/** A struct: its fields in the order in which they are given. */
export function struct<T extends object>(fields: { [K in keyof T]: Codec<T[K]> }): Codec<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return {
    encode(writer, value) {
      for (const name of names) fields[name].encode(writer, value[name]);
    },
    decode(reader, what) {
      const value: Partial<T> = {};
      for (const name of names) value[name] = fields[name].decode(reader, `${what}.${name}`);
      return value as T;
    },
  };
}

/** An enum of named variants without data: a name is written as its position in the list. */
export function names<T extends string>(...all: readonly T[]): Codec<T> {
  return {
    encode: (writer, value) => u8.encode(writer, all.indexOf(value)),
    decode(reader, what) {
      const tag = reader.u8(what);
      const name = all[tag];
      if (name === undefined) {
        throw new ScaleError(`Cannot decode ${what}: unknown tag ${tag}, 0 to ${all.length - 1} wanted`);
      }
      return name;
    },
  };
}

/** An enum with data: `{ kind, ...fields }`, each kind written as its position in the list. */
export function variants<T extends { kind: string }>(
  cases: { [K in T["kind"]]: Codec<Omit<Extract<T, { kind: K }>, "kind">> },
): Codec<T> {
  const tag = names(...Object.keys(cases) as T["kind"][]);
  return {
    encode(writer, value) {
      tag.encode(writer, value.kind as T["kind"]);
      // The tag says which case it is; TypeScript cannot follow the lookup.
      (cases[value.kind as T["kind"]] as Codec<unknown>).encode(writer, value);
    },
    decode(reader, what) {
      const kind = tag.decode(reader, what);
      return { kind, ...(cases[kind] as Codec<object>).decode(reader, `${what}.${kind}`) } as T;
    },
  };
}
