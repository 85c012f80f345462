/**
 * Workers that lie: their job controls all JavaScript of the process and speaks to the host in the worker's place. An act is what such a
 * job does instead of giving an honest answer: statements that are given the frame of that answer as `honest`.
 */
import { SCRIPT_ENGINE } from "./script_engine.ts";

/**
 * What acts are made of. `say` writes to standard output all that it is given, `numbered` makes a frame an answer to the request that
 * the honest one answers, `meanwhile` runs statements in a thread, which it gives back and which goes on when the job is over. After its act a worker sleeps for
 * ever, unless the act gives back "go on".
 */
const MEANS = `
const write = Deno.stdout.writeSync.bind(Deno.stdout);
const say = (...frames) => {
  for (let rest of frames) while (rest.length > 0) rest = rest.subarray(write(rest));
};
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const numbered = (hex, honest) => {
  const frame = Uint8Array.fromHex(hex);
  frame.set(honest.subarray(5, Math.max(5, Math.min(9, frame.length))), Math.min(5, frame.length));
  return frame;
};
const meanwhile = (statements) =>
  new Worker("data:text/javascript," + encodeURIComponent("const sleep = " + sleep + ";" + statements), { type: "module" });
Object.assign(globalThis, {
  say, sleep, numbered, meanwhile,
  instead(act) {
    Deno.stdout.writeSync = (honest) => {
      Deno.stdout.writeSync = write;
      if (new Function("honest", act)(honest.slice()) !== "go on") sleep();
      return honest.length;
    };
  },
});
`;

/** An engine whose scripts can lie. */
export const HOSTILE_ENGINE: string = MEANS + SCRIPT_ENGINE;

/**
 * An engine that lies in the handshake, before the worker program itself has begun. The act is handed over in place of the module that
 * hashes and verifies.
 */
export const LYING_AT_THE_START: string = `
import { encodeFrame } from "../protocol/frame.js";
import { HANDSHAKE, READY } from "../protocol/messages.js";
import { readMessage } from "./stdio.js";
${MEANS}
const { requestId, kilnVersion, denoVersion, cryptoWasm } = readMessage(HANDSHAKE);
const honest = encodeFrame(READY, { requestId, kilnVersion, denoVersion, v8Version: Deno.version.v8 });
new Function("honest", new TextDecoder().decode(cryptoWasm))(honest);
sleep();
export const engine = {};
`;

/** A script that lies when it is prepared. */
export function lyingWhenPrepared(act: string): string {
  return `{ prepare() { instead(${JSON.stringify(act)}) } }`;
}

/** A script that lies when it is bound. */
export function lyingWhenBound(act: string): string {
  return `{ load() { instead(${JSON.stringify(act)}) }, run: () => "" }`;
}

/** A script that lies when it is run, if its parameters are an act, and gives back "honest" without any. */
export const LYING_WHEN_RUN =
  `{ run({ params }) { if (params.length > 0) instead(new TextDecoder().decode(params)); return "honest"; } }`;
