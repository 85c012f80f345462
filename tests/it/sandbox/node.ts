/** Attempts by what Deno has for the sake of Node's programs, as far as they belong to no other group. */
import { all, type Group, harmless, REFUSED, refused } from "./attempt.ts";
import { forging } from "./sqlite.ts";

/** Makes a socket of Node's own kind, beneath its modules. */
const tcp = (body: string): string => `
  const { TCP, TCPConnectWrap, constants } = process.binding("tcp_wrap");
  const socket = new TCP(constants.SERVER);
  try { ${body} } finally { socket.close(() => {}); }`;

const pipe = (body: string): string => `
  const { Pipe, PipeConnectWrap, constants } = process.binding("pipe_wrap");
  const socket = new Pipe(constants.SERVER);
  try { ${body} } finally { socket.close(() => {}); }`;

const udp = (body: string): string => `
  const { UDP, SendWrap } = process.binding("udp_wrap");
  const socket = new UDP();
  try { ${body} } finally { socket.close(() => {}); }`;

export const node: Group = {
  name: "node",
  attempts: {
    ...refused("the limit of attached databases", /too many attached databases|authoriz|not authorized/, {
      "sqlite: attach a file outside":
        `new (node("sqlite").DatabaseSync)(":memory:").exec("ATTACH '" + t.proof + "' AS x")`,
      "sqlite: attach a file outside by a URL":
        `new (node("sqlite").DatabaseSync)(":memory:").exec("ATTACH 'file:" + t.proof + "?mode=rwc' AS x")`,
      "sqlite: attach a file outside, prepared":
        `new (node("sqlite").DatabaseSync)(":memory:").prepare("ATTACH ? AS x").run(t.proof)`,
      "sqlite: vacuum into a file outside":
        `new (node("sqlite").DatabaseSync)(":memory:").exec("VACUUM INTO '" + t.proof + "'")`,
    }),
    ...refused("Deno's own check of limits", /Cannot raise the "attach" limit/, {
      "sqlite: raise the limit of attached databases": `
        const database = new (node("sqlite").DatabaseSync)(":memory:");
        database.limits.attach = 10;
        database.exec("ATTACH '" + t.proof + "' AS x")`,
    }),
    ...refused("there being no such function", /no such (function|module|table)|not authorized/, {
      "sqlite: readfile": `new (node("sqlite").DatabaseSync)(":memory:").prepare("SELECT readfile(?)").get(t.outside)`,
      "sqlite: writefile":
        `new (node("sqlite").DatabaseSync)(":memory:").prepare("SELECT writefile(?, 'x')").get(t.proof)`,
      "sqlite: edit": `new (node("sqlite").DatabaseSync)(":memory:").prepare("SELECT edit('x', 'sh')").get()`,
      "sqlite: a table of a directory":
        `new (node("sqlite").DatabaseSync)(":memory:").prepare("SELECT * FROM fsdir('/')").all()`,
      "sqlite: a table of a file":
        `new (node("sqlite").DatabaseSync)(":memory:").exec("CREATE VIRTUAL TABLE x USING csv(filename='/etc/passwd')")`,
    }),
    ...all(REFUSED.file, {
      "sqlite: a name with .. in it": `new (node("sqlite").DatabaseSync)("../proof").exec("CREATE TABLE t (x)")`,
      "sqlite: a name that is a URL with .. in it":
        `new (node("sqlite").DatabaseSync)("file:mine/../../proof").exec("CREATE TABLE t (x)")`,
      "sqlite: a file outside, deleted by a forged journal": forging(`
        forge(t.outside);
        return new DatabaseSync("db").prepare("SELECT * FROM t").all().length;`),
      "sqlite: another worker's file, deleted by a forged journal": forging(`
        forge(t.neighbour + "/kept");
        return new DatabaseSync("db").prepare("SELECT * FROM t").all().length;`),
    }),
    ...all(REFUSED.ffi, {
      "sqlite: load an extension": `
        const database = new (node("sqlite").DatabaseSync)(":memory:", { allowExtension: true });
        database.loadExtension("/lib/kiln.so")`,
    }),
    ...refused("SQL that is switched off", /not authorized|no such function: load_extension/, {
      "sqlite: load an extension by SQL":
        `new (node("sqlite").DatabaseSync)(":memory:").prepare("SELECT load_extension('/lib/kiln.so')").get()`,
    }),
    ...all(REFUSED.write, {
      "v8: a snapshot of the heap outside": `node("v8").writeHeapSnapshot("../proof")`,
    }),
    ...harmless("V8 takes the flags, and nothing comes of them", /^nothing$/, {
      "v8: a log outside by a flag": `
        node("v8").setFlagsFromString("--log-all");
        node("v8").setFlagsFromString("--logfile=" + t.proof);
        node("v8").setFlagsFromString("--trace-turbo-path=" + t.proof);
        return "nothing";`,
      "v8: native functions by a flag": `
        node("v8").setFlagsFromString("--allow-natives-syntax");
        try { (0, eval)("%SystemBreak()"); } catch (error) { if (error.name === "SyntaxError") return "nothing"; throw error; }`,
      "v8: a memory without bounds by a flag": `
        node("v8").setFlagsFromString("--no-wasm-bounds-checks");
        const bytes = "0061736d0100000001060160017f017f030201000503010001070501016100000a0901070020002d00000b";
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.fromHex(bytes)));
        try { exports.a(65536); } catch (error) { if (error.name === "RuntimeError") return "nothing"; throw error; }`,
    }),
    ...harmless("there is nothing in it", /^$/, {
      "binding: fs": `return Object.keys(process.binding("fs")).join()`,
      "binding: spawn_sync": `return Object.keys(process.binding("spawn_sync")).join()`,
      "binding: natives": `return Object.keys(process.binding("natives")).join()`,
      "binding: contextify": `return Object.keys(process.binding("contextify")).join()`,
    }),
    ...refused("there being no such binding", /No such module: process_wrap/, {
      "binding: process_wrap": `process.binding("process_wrap")`,
    }),
    ...all(REFUSED.net, {
      "binding: connect by TCP": tcp(`socket.connect(new TCPConnectWrap(), "127.0.0.1", t.tcp)`),
      "binding: connect by TCP over IPv6": tcp(`socket.connect6(new TCPConnectWrap(), "::1", t.tcp)`),
      "binding: listen, then connect by TCP": tcp(
        `socket.listen(1); socket.connect(new TCPConnectWrap(), "127.0.0.1", t.tcp)`,
      ),
      "binding: bind by TCP": tcp(`socket.bind("127.0.0.1", 0)`),
      "binding: bind by TCP over IPv6": tcp(`socket.bind6("::1", 0, 0)`),
      "binding: bind by TCP with flags": tcp(`socket.bindWithFlags("127.0.0.1", 0, 0)`),
      "binding: bind by UDP": udp(`socket.bind("127.0.0.1", 0, 0)`),
    }),
    ...all(REFUSED.file, {
      "binding: connect by a unix socket": pipe(`socket.connect(new PipeConnectWrap(), t.unix)`),
      "binding: bind a unix socket outside": pipe(`socket.bind(t.proof); socket.listen(1)`),
    }),
    ...all(REFUSED.net, {
      "binding: bind an abstract socket": pipe(`socket.bind("\\0kiln-escape"); socket.listen(1)`),
    }),
    ...refused("there being no such socket", /^Error: status -\d+$/, {
      "binding: send by UDP": udp(`
        const sent = new SendWrap();
        const status = await new Promise((ok) => {
          sent.oncomplete = ok;
          socket.send(sent, [new Uint8Array(1)], 1, t.udp, "127.0.0.1", true);
        });
        if (status !== 0) throw new Error("status " + status);`),
      "binding: listen on a unix socket without a name": pipe(`
        const status = socket.listen(1);
        if (status !== 0) throw new Error("status " + status);`),
      "binding: a socket of a resource": tcp(`
        const status = socket.openFromRid(3);
        if (status !== 0) throw new Error("status " + status);`),
      "binding: resolve a name": `
        const { GetAddrInfoReqWrap, getaddrinfo } = process.binding("cares_wrap");
        const request = new GetAddrInfoReqWrap();
        const status = await new Promise((ok) => {
          request.oncomplete = ok;
          getaddrinfo(request, "localhost", 4, 0, 0);
        });
        if (status !== 0) throw new Error("status " + status);`,
    }),
    ...all(REFUSED.sys, {
      "inspector: evaluate in a session": `
        const session = new (node("inspector").Session)();
        session.connect();
        const { promise, resolve } = Promise.withResolvers();
        const expression = "Deno.readTextFileSync(" + JSON.stringify(t.outside) + ")";
        session.post("Runtime.evaluate", { expression, includeCommandLineAPI: true }, (error, answer) => resolve(answer));
        const { result } = await promise;
        session.disconnect();
        return result.description;`,
      "inspector: fetch in a session": `
        const session = new (node("inspector").Session)();
        session.connect();
        try {
          await new Promise((ok, no) =>
            session.post("Network.loadNetworkResource", { url: "http://127.0.0.1:" + t.http }, (e) => e ? no(e) : ok()));
        } finally {
          session.disconnect();
        }`,
      "inspector: trace into a file": `
        const session = new (node("inspector").Session)();
        session.connect();
        try {
          await new Promise((ok, no) => session.post("NodeTracing.start", { traceConfig: {} }, (e) => e ? no(e) : ok()));
        } finally {
          session.disconnect();
        }`,
    }),
    ...all(REFUSED.read, {
      "vm: the outer functions by a context's": `
        const { runInNewContext } = node("vm");
        runInNewContext("read.constructor('path', 'return Deno.readTextFileSync(path)')(path)", { read: () => {}, path: t.outside })`,
      "vm: a module that imports a file": `
        const module = await import(URL.createObjectURL(
          new Blob(["export const text = () => import('file://" + t.outside + "?vm', { with: { type: 'text' } })"], { type: "text/javascript" }),
        ));
        await module.text()`,
      "crypto: a certificate authority's file": `node("fs").readFileSync("/etc/ssl/certs/ca-certificates.crt")`,
    }),
  },
};
