// deno-lint-ignore-file no-console -- a benchmark prints
/**
 * What a host's memory does while a worker floods it: the resident set before, the most during, and after each flood, and how long an
 * honest job of another worker takes meanwhile. Run it with `deno run -A bench/hostile_frames.ts`.
 *
 * @module
 */
import { encodeFrame } from "../src/protocol/frame.ts";
import { EXECUTE_RESPONSE, MAX_LOG_ENTRIES, MAX_MESSAGE_BYTES, MAX_RESULT_BYTES } from "../src/protocol/messages.ts";
import { Pvf, ValidationHost } from "../mod.ts";
import { HOSTILE_ENGINE, LYING_WHEN_RUN } from "../tests/it/hostile_worker.ts";
import { script } from "../tests/it/script_engine.ts";
import { median, ms } from "./measure.ts";

const HEADER = `const header = new Uint8Array([0, 0, 0, 0, ${EXECUTE_RESPONSE.tag}]);
const announce = (length) => new DataView(header.buffer).setUint32(0, length, true);`;
const POUR = `const chunk = new Uint8Array(2 ** 20).fill(255); for (;;) say(chunk);`;
const LARGEST = encodeFrame(EXECUTE_RESPONSE, {
  requestId: 0,
  cpuTimeUs: 1,
  log: [],
  logDropped: 0,
  result: { kind: "valid", peakMemoryPages: 1, result: new Uint8Array() },
});

/** What a job does in place of answering. */
const FLOODS: Record<string, string> = {
  "nothing, honestly": `say(honest); return "go on";`,
  "a flood of junk": POUR,
  "2^32 - 1 bytes announced": `${HEADER} announce(2 ** 32 - 1); say(header); ${POUR}`,
  "all that may be announced, of junk": `${HEADER} announce(${EXECUTE_RESPONSE.maxBytes + 1}); say(header); ${POUR}`,
  "the largest result": `const body = ${numberedBody()};
    const rest = new Uint8Array(${MAX_RESULT_BYTES});
    ${HEADER} announce(body.length + 4 + rest.length + 1);
    say(header, body, new Uint8Array(Uint32Array.of(rest.length * 4 + 2).buffer), rest);
    return "go on";`,
  "the most log": `const entry = new Uint8Array(1 + 1 + 2 + ${MAX_MESSAGE_BYTES}).fill(120);
    entry.set([1, 0, ${MAX_MESSAGE_BYTES << 2 & 255 | 1}, ${MAX_MESSAGE_BYTES >> 6}]);
    const log = Array(${MAX_LOG_ENTRIES}).fill(entry);
    const rest = new Uint8Array([0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    const count = new Uint8Array(Uint16Array.of(${MAX_LOG_ENTRIES * 4 + 1}).buffer);
    ${HEADER} announce(1 + 4 + 8 + 2 + log.length * entry.length + rest.length);
    say(header, honest.subarray(5, 17), count, ...log, rest);
    return "go on";`,
  "a gibibyte of standard error": `const chunk = new Uint8Array(2 ** 20).fill(120);
    for (let round = 0; round < 1024; round++) {
      for (let rest = chunk; rest.length > 0;) rest = rest.subarray(Deno.stderr.writeSync(rest));
    }
    say(honest);
    return "go on";`,
  "standard error byte by byte": `const byte = Uint8Array.of(120);
    for (let round = 0; round < 300_000; round++) Deno.stderr.writeSync(byte);
    say(honest);
    return "go on";`,
};

/** The honest answer's body up to the length of its result. */
function numberedBody(): string {
  return `(() => { const body = Uint8Array.fromHex("${LARGEST.subarray(5, -1).toHex()}");
    body.set(honest.subarray(5, 9)); return body; })()`;
}

async function main(): Promise<void> {
  const cachePath = await Deno.makeTempDir({ prefix: "kiln-bench-" });
  try {
    await using host = await ValidationHost.start({ cachePath, engineSource: HOSTILE_ENGINE, maxExecuteWorkers: 2 });
    const liar = await Pvf.fromCode(script(LYING_WHEN_RUN));
    const honest = await Pvf.fromCode(script("{ run: () => 'honest' }"));
    for (const [name, act] of Object.entries(FLOODS)) await measure(host, { liar, honest }, name, act);
  } finally {
    await Deno.remove(cachePath, { recursive: true });
  }
}

async function measure(
  host: ValidationHost,
  { liar, honest }: Record<"liar" | "honest", Pvf>,
  name: string,
  act: string,
): Promise<void> {
  for (const pvf of [liar, honest]) await host.execute(pvf, { params: new Uint8Array() });
  const before = residentMib();
  let most = before;
  const times: number[] = [];
  const start = performance.now();
  const flood = host.execute(liar, { params: script(act), timeoutMs: 20_000 });
  let over = false;
  flood.finally(() => over = true);
  while (!over) {
    const job = performance.now();
    await host.execute(honest, { params: new Uint8Array() });
    times.push(performance.now() - job);
    most = Math.max(most, residentMib());
  }
  const outcome = await flood;
  const took = performance.now() - start;
  const ended = outcome.kind === "valid" ? "valid" : `${outcome.kind}, ${outcome.reason}`;
  const memory = [before, most, residentMib()].map((mib) => mib.toFixed(0).padStart(5)).join(" ");
  console.log(`${name.padEnd(36)} MiB ${memory}  in ${ms(took)}, honest jobs ${ms(median(times))}  ${ended}`);
}

function residentMib(): number {
  return Deno.memoryUsage().rss / 2 ** 20;
}

await main();
