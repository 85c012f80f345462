/** Every way in which a frame can be wrong, for each message that a worker sends. */
import { concat } from "../../src/engine/pvf/concat.ts";
import type { FrameKind } from "../../src/protocol/frame.ts";
import {
  BIND_RESPONSE,
  EXECUTE_RESPONSE,
  LAST_WORDS,
  MAX_LOG_ENTRIES,
  MAX_LOG_TARGET_BYTES,
  MAX_MESSAGE_BYTES,
  PREPARE_RESPONSE,
  READY,
} from "../../src/protocol/messages.ts";
import { compactU32, encode, u32 } from "../../src/protocol/scale.ts";

/** How the host has to see it: as output that makes no sense, as the end of the process, or as an answer that does not come. */
export type End = "malformed" | "died" | "late";

/** What a job does in place of answering. */
export interface Lie {
  readonly name: string;
  readonly act: string;
  readonly end: End;
}

/** One field of a message, spelled right, and in every way that is wrong. */
interface Field {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly wrong: Readonly<Record<string, Uint8Array>>;
}

/** A message that a worker may send: the fields of it, in each variant that it has. */
export interface Message {
  readonly kind: Pick<FrameKind<unknown>, "name" | "tag" | "maxBytes">;
  readonly variants: readonly (readonly Field[])[];
}

function plain(name: string, ...bytes: number[]): Field {
  return { name, bytes: Uint8Array.from(bytes), wrong: {} };
}

function number64(name: string): Field {
  const wrong = { "2^53": [0, 0, 0, 0, 0, 0, 32, 0], "2^64 - 1": Array(8).fill(255) };
  return { ...plain(name, 1, 0, 0, 0, 0, 0, 0, 0), wrong: mapped(wrong, (bytes) => Uint8Array.from(bytes)) };
}

/** One of `count` variants. */
function tag(name: string, index: number, count: number): Field {
  const others = [count, count + 1, 64, 127, 128, 254, 255];
  return {
    ...plain(name, index),
    wrong: Object.fromEntries(others.map((other) => [`${other}`, Uint8Array.of(other)])),
  };
}

function text(name: string, value: string, maxBytes: number): Field {
  const { bytes, wrong } = counted(name, [...new TextEncoder().encode(value)]);
  return {
    name,
    bytes,
    wrong: {
      ...wrong,
      "no UTF-8": Uint8Array.of(4, 255),
      "a lone surrogate": Uint8Array.of(12, 0xed, 0xa0, 0x80),
      "a NUL of two bytes": Uint8Array.of(8, 0xc0, 0x80),
      "one byte over its cap": concat([encode(compactU32, maxBytes + 1), new Uint8Array(maxBytes + 1).fill(120)]),
    },
  };
}

/** A field with a compact length before it, which may announce something else than what comes. */
function counted(name: string, content: readonly number[], count = content.length): Field {
  const lengths = {
    "10 GiB": [7, 0, 0, 0, 128, 2],
    "2^32 - 1": [3, 255, 255, 255, 255],
    "2^30 - 1": [254, 255, 255, 255],
    "one too many": encode(compactU32, count + 1),
    "one too few": encode(compactU32, count - 1),
    "not in its shortest form": [count << 2 | 1, 0],
  };
  const wrong = mapped(lengths, (length) => concat([length, content]));
  return { name, bytes: concat([encode(compactU32, count), content]), wrong };
}

/** A list of one item, which may have too many. */
function list(name: string, item: readonly Field[], maxItems: number): Field[] {
  const bytes = concat(item.map((field) => field.bytes));
  const field = counted(name, [...bytes], 1);
  const tooMany = concat([encode(compactU32, maxItems + 1), ...Array(maxItems + 1).fill(bytes)]);
  const items = Object.fromEntries(item.flatMap((part, index) =>
    Object.entries(part.wrong).map(([how, wrong]) => {
      const pieces = item.map((other, at) => at === index ? wrong : other.bytes);
      return [`with ${part.name} ${how}`, concat([encode(compactU32, 1), ...pieces])];
    })
  ));
  return [{ ...field, wrong: { ...field.wrong, "one item over its cap": tooMany, ...items } }];
}

function mapped<T, U>(of: Record<string, T>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, map(value)]));
}

const ID = plain("requestId", 0, 0, 0, 0);
const HASH: number[] = Array(32).fill(7);
const JOB = [ID, number64("cpuTimeUs")];
const PREPARED = [...JOB, number64("maxRssKib")];
const LOG = list(
  "log",
  [plain("level", 3), text("target", "target", MAX_LOG_TARGET_BYTES), text("message", "entry", MAX_MESSAGE_BYTES)],
  MAX_LOG_ENTRIES,
);
const RAN = [...JOB, ...LOG, plain("logDropped", 0, 0, 0, 0)];
const FAILURE = text("message", "reason", MAX_MESSAGE_BYTES);

/** The messages that answer a request, by the phase of a worker's life in which they come. */
export const MESSAGES = {
  handshake: {
    kind: READY,
    variants: [[ID, ...["kilnVersion", "denoVersion", "v8Version"].map((name) => text(name, "1.2.3", 64))]],
  },
  prepare: {
    kind: PREPARE_RESPONSE,
    variants: [
      [
        ...PREPARED,
        tag("result", 0, 2),
        plain("checksum", ...HASH),
        number64("artifactBytes"),
        number64("decompressedBytes"),
      ],
      [...PREPARED, plain("result", 1), tag("error", 0, 7), FAILURE],
    ],
  },
  bind: {
    kind: BIND_RESPONSE,
    variants: [[ID, tag("result", 0, 2)], [ID, plain("result", 1), tag("error", 0, 3), FAILURE]],
  },
  execute: {
    kind: EXECUTE_RESPONSE,
    variants: [
      [...RAN, tag("result", 0, 2), plain("peakMemoryPages", 1, 0, 0, 0), counted("result", [1, 2, 3])],
      [...RAN, plain("result", 1), tag("error", 0, 7), FAILURE],
    ],
  },
} as const satisfies Record<string, Message>;

const LAST: Message = { kind: LAST_WORDS, variants: [[ID, tag("limit", 0, 2), number64("used")]] };

/** Bytes of a frame, whatever its length may be announced as. */
export function frame(kindTag: number, body: Uint8Array, length = body.length + 1): Uint8Array<ArrayBuffer> {
  return concat([encode(u32, length), [kindTag], body]);
}

/** An honest body, for request 0. */
export function honestBody({ variants }: Message, variant = 0): Uint8Array<ArrayBuffer> {
  return concat((variants[variant] ?? []).map((field) => field.bytes));
}

/** Says these frames, each as an answer to the request. */
export function saying(...frames: Uint8Array[]): string {
  return `say(${frames.map((each) => `numbered("${each.toHex()}", honest)`).join()});`;
}

function malformed(name: string, act: string): Lie {
  return { name, act, end: "malformed" };
}

function late(name: string, act: string): Lie {
  return { name, act, end: "late" };
}

/** Frames whose length is not that of their body. */
function wrongLengths(message: Message): Lie[] {
  const { tag, maxBytes } = message.kind;
  const body = honestBody(message);
  const announcing = (length: number): string => saying(frame(tag, body, length));
  return [
    malformed("a length of 0", announcing(0)),
    malformed("a length of 1", announcing(1)),
    malformed("a length of one too few", announcing(body.length)),
    malformed("a length of one too many, and another byte", `${announcing(body.length + 2)} say(Uint8Array.of(0));`),
    { name: "a length of one too many, and the end", act: `${announcing(body.length + 2)} Deno.exit(0);`, end: "died" },
    late("a length of one too many, and nothing more", announcing(body.length + 2)),
    malformed("as long as may be, of zeros", `${announcing(maxBytes + 1)} say(new Uint8Array(${maxBytes}));`),
    ...[maxBytes + 2, 2 ** 31, 2 ** 32 - 1].map((length) => malformed(`a length of ${length}`, announcing(length))),
  ];
}

/** Frames that say that they are something else. */
function wrongTags(message: Message, tags: readonly number[]): Lie[] {
  const body = honestBody(message);
  return tags.filter((tag) => tag !== message.kind.tag)
    .map((tag) => malformed(`tag ${tag}`, saying(frame(tag, body))));
}

/** Answers to something else. */
function wrongOrder(message: Message): Lie[] {
  const own = frame(message.kind.tag, honestBody(message));
  const others = [...Object.values(MESSAGES), LAST].filter(({ kind }) => kind.tag !== message.kind.tag);
  const last = frame(LAST.kind.tag, honestBody(LAST));
  return [
    ...others.map((other) => malformed(`a ${other.kind.name}`, saying(frame(other.kind.tag, honestBody(other))))),
    ...others.map((other) =>
      malformed(`a ${other.kind.name}, then the answer`, `${saying(frame(other.kind.tag, honestBody(other)), own)}`)
    ),
    malformed("last words twice", saying(last, last)),
    malformed("last words for another request", `const last = ${numbered(last)}; last[5] ^= 1; say(last);`),
    ...truncated(LAST).map(({ name, act, end }) => ({ name: `last words: ${name}`, act, end })),
    ...misspelt(LAST).map(({ name, act, end }) => ({ name: `last words: ${name}`, act, end })),
    malformed("an answer to the next number", `const answer = ${numbered(own)}; answer[5] += 1; say(answer);`),
    malformed("an answer to request 0", `const answer = ${numbered(own)}; answer.fill(0, 5, 9); say(answer);`),
    malformed("an answer to request 2^32 - 1", `const answer = ${numbered(own)}; answer.fill(255, 5, 9); say(answer);`),
    malformed(
      "answers to all requests but this",
      `for (let bit = 0; bit < 32; bit++) {
      const answer = ${numbered(own)};
      answer[5 + (bit >> 3)] ^= 1 << (bit & 7);
      say(answer);
    }`,
    ),
  ];
}

/** An expression for a frame that answers the request. */
export function numbered(bytes: Uint8Array): string {
  return `numbered("${bytes.toHex()}", honest)`;
}

/** Frames of the right length whose body ends early, at each byte, or late. */
function truncated(message: Message): Lie[] {
  const body = honestBody(message);
  const cuts = Array.from(
    body,
    (_, at) =>
      malformed(`${at} of ${body.length} bytes of body`, saying(frame(message.kind.tag, body.subarray(0, at)))),
  );
  return [...cuts, malformed("a byte left over", saying(frame(message.kind.tag, concat([body, [0]]))))];
}

/** Frames in which one field is spelled wrong. What variants begin with alike is tried once. */
function misspelt({ kind, variants: [first = [], ...others] }: Message): Lie[] {
  return [first, ...others].flatMap((fields, variant) =>
    fields.flatMap((field, index) =>
      Object.entries(variant > 0 && field === first[index] ? {} : field.wrong).map(([how, bytes]) => {
        const body = concat(fields.map((other, at) => at === index ? bytes : other.bytes));
        return malformed(`variant ${variant}: ${field.name} ${how}`, saying(frame(kind.tag, body)));
      })
    )
  );
}

/** Output that ends, or that does not come to an end. */
function wrongEnds(message: Message): Lie[] {
  const { tag, maxBytes } = message.kind;
  const slow = frame(tag, honestBody(message, message.variants.length - 1));
  const flood = `const chunk = new Uint8Array(2 ** 16).fill(255); for (;;) say(chunk);`;
  const close = (fd: number): string => `process.getBuiltinModule("node:fs").closeSync(${fd});`;
  return [
    ...[0, 1, 4, 5, 6, -1].flatMap((length) =>
      [0, 1].map((code): Lie => ({
        name: `${length < 0 ? "all but one" : length} of its bytes, then exit ${code}`,
        act: `say(honest.subarray(0, ${length})); Deno.exit(${code});`,
        end: "died",
      }))
    ),
    late("no answer", "sleep();"),
    late("half an answer", "say(honest.subarray(0, honest.length >> 1));"),
    late("1 byte a second", `for (const byte of ${numbered(slow)}) { say(Uint8Array.of(byte)); sleep(1000); }`),
    late("closed output", close(1)),
    late("closed input", close(0)),
    malformed("a flood", flood),
    malformed("a flood of zeros", "const zeros = new Uint8Array(2 ** 16); for (;;) say(zeros);"),
    malformed("a flood in a frame as long as may be", `${saying(frame(tag, new Uint8Array(), maxBytes + 1))} ${flood}`),
  ];
}

/** All of these, each named by its kind. */
export function liesAbout(message: Message, tags: readonly number[]): Lie[] {
  const groups = {
    length: wrongLengths(message),
    tag: wrongTags(message, tags),
    order: wrongOrder(message),
    body: truncated(message),
    field: misspelt(message),
    end: wrongEnds(message),
  };
  return Object.entries(groups).flatMap(([group, lies]) =>
    lies.map((lie) => ({ ...lie, name: `${group}: ${lie.name}` }))
  );
}
