/** What the body of an attempt is given besides the targets, as the text of the script that runs it inside a worker. */

/** What attempts are about: places and servers that exist, so that only the sandbox can keep a worker from them. */
export interface Targets {
  /** A file outside: text, JSON and a module at once, so that no way of reading it fails for its content. */
  readonly outside: string;
  /** A path outside at which nothing is: whoever can write there leaves something. */
  readonly proof: string;
  /** The directory of another worker, which has a file `kept` in it. */
  readonly neighbour: string;
  /** The process of that worker. */
  readonly neighbourPid: number;
  readonly hostPid: number;
  /** A TCP server on loopback that closes every connection. */
  readonly tcp: number;
  /** A UDP socket on loopback. */
  readonly udp: number;
  /** An HTTP server on loopback that serves a module at every path, and takes WebSockets. */
  readonly http: number;
  /** The path of a Unix socket server. */
  readonly unix: string;
  /** The name of a server in Linux's abstract namespace, without the NUL in front. */
  readonly abstract: string;
}

/**
 * `perform(body, targets)` makes an attempt and says as JSON how it ended. An error that the body does not see, as one that is thrown
 * in a callback, counts as its own.
 */
export const KIT = `
const node = (name) => process.getBuiltinModule("node:" + name);
const core = Deno[Deno.internal].core;

/** Resolves at the event of a node emitter or an event target; rejects at its error. */
const once = (emitter, event) => new Promise((ok, no) => {
  if (emitter.on) return emitter.on(event, ok).on("error", no);
  emitter.addEventListener(event, ok);
  emitter.addEventListener("error", (e) => { e.preventDefault?.(); no(e.error ?? new Error(e.message ?? "error event")); });
});

/** Runs the body of an async function in a web worker, and gives back what it returns. */
const inThread = async (body, options) => {
  const source = "(async () => {" + body + "})().then((v) => postMessage(['ok', String(v)]), (e) => postMessage(['no', String(e)]))";
  const thread = new Worker("data:text/javascript," + encodeURIComponent(source), { type: "module", ...options });
  try {
    const [kind, value] = (await once(thread, "message")).data;
    if (kind === "no") throw new Error(value);
    return value;
  } finally {
    thread.terminate();
  }
};

/** Throws if there is no such thing. */
const present = (value, name) => {
  if (value === undefined) throw Object.assign(new Error(name), { name: "Absent" });
  return value;
};

const kit = { node, core, once, inThread, present };

async function perform(body, targets) {
  const stray = Promise.withResolvers();
  const onStray = (event) => {
    event.preventDefault();
    stray.reject(event.error ?? event.reason);
  };
  addEventListener("error", onStray);
  addEventListener("unhandledrejection", onStray);
  try {
    const attempt = Object.getPrototypeOf(async () => {}).constructor("t", "{ node, core, once, inThread, present }", body);
    const value = await Promise.race([attempt(targets, kit), stray.promise]);
    return JSON.stringify({ returned: typeof value === "object" ? JSON.stringify(value) : String(value) });
  } catch (error) {
    return JSON.stringify({ threw: (error?.name ? error.name + ": " + error.message : String(error)).slice(0, 2000) });
  } finally {
    removeEventListener("error", onStray);
    removeEventListener("unhandledrejection", onStray);
  }
}
`;
