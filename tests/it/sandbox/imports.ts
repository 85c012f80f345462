/** Attempts to load code or data from outside by importing it, from a file, from the net or from a registry. */
import { all, type Group, harmless, REFUSED, refused } from "./attempt.ts";

const NET = `"http://127.0.0.1:" + t.http + "/module.js"`;
const FILE = `"file://" + t.outside`;

/** The source of a module as a URL. */
function data(source: string): string {
  return `"data:text/javascript," + encodeURIComponent(${source})`;
}

/** The source of a module that is not known to any cache. */
function blob(source: string): string {
  return `URL.createObjectURL(new Blob([${source}], { type: "text/javascript" }))`;
}

export const imports: Group = {
  name: "imports",
  attempts: {
    ...all(REFUSED.read, {
      "a file": `await import(${FILE} + "?1")`,
      "a file by its path": `await import(t.outside + "?2")`,
      "a file as JSON": `return (await import(${FILE} + "?json", { with: { type: "json" } })).default`,
      "a file as text": `return (await import(${FILE} + "?text", { with: { type: "text" } })).default`,
      "a file as WebAssembly": `await import("file:///usr/lib/kiln.wasm")`,
      "a file that was not there": `await import(t.proof + ".js")`,
      "a directory": `await import("file://" + t.neighbour)`,
      "/etc/passwd as text": `return (await import("file:///etc/passwd", { with: { type: "text" } })).default`,
      "a file from a data URL": `await import(${data(`'import "file://' + t.outside + '?3"'`)})`,
      "a file as text from a data URL": `return (await import(${
        data(`'export { default } from "file://' + t.outside + '?data" with { type: "text" }'`)
      })).default`,
      "a file from a blob URL": `await import(${blob(`'import "file://' + t.outside + '?4"'`)})`,
      "a file as JSON from a blob URL": `return (await import(${
        blob(`'export { default } from "file://' + t.outside + '?blob" with { type: "json" }'`)
      })).default`,
      "a file, deferred": `
        const { space } = await import(${
        blob(`'import defer * as space from "file://' + t.outside + '"; export { space }'`)
      });
        return space.default;`,
      "a file in a thread": `return await inThread("await import('file://" + t.outside + "?6')")`,
      "a file as a thread": `await once(new Worker(${FILE}, { type: "module" }), "message")`,
      "a file in code that is evaluated": `await (0, eval)("import(" + JSON.stringify(${FILE} + "?7") + ")")`,
      "a file by a loader hook that redirects": `
        node("module").registerHooks({
          resolve: (specifier, context, next) =>
            specifier === "kiln:1" ? { url: ${FILE}, format: "json", shortCircuit: true } : next(specifier, context),
        });
        await import("kiln:1")`,
      "a file by a loader hook that loads another": `
        node("module").registerHooks({
          resolve: (specifier, context, next) =>
            specifier === "kiln:2" ? { url: "kiln:2", shortCircuit: true } : next(specifier, context),
          load: (url, context, next) => url === "kiln:2" ? next(${FILE}, context) : next(url, context),
        });
        await import("kiln:2")`,
      "a file by code of node:vm": `
        const { runInThisContext, constants } = node("vm");
        await runInThisContext("import(" + JSON.stringify(${FILE} + "?8") + ")", {
          importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
        })`,
      "a file by code of another context of node:vm": `
        const { runInNewContext, constants } = node("vm");
        await runInNewContext("import(" + JSON.stringify(${FILE} + "?9") + ")", {}, {
          importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
        })`,
      "a file as a thread of node:worker_threads": `await once(new (node("worker_threads").Worker)(t.outside), "exit")`,
      "a file in a thread of node:worker_threads": `await once(
        new (node("worker_threads").Worker)(
          "require('worker_threads').parentPort.postMessage(require('fs').readFileSync(" + JSON.stringify(t.outside) + "))",
          { eval: true },
        ),
        "message",
      )`,
      "require of a file": `node("module").createRequire("file:///")(t.outside)`,
      "require of a file from its own directory":
        `node("module").createRequire(Deno.cwd() + "/own.js")("../" + t.outside.split("/").at(-1))`,
      "require of a file by a loader hook": `
        node("module").registerHooks({
          resolve: (specifier, context, next) =>
            specifier === "kiln:3" ? { url: ${FILE}, format: "json", shortCircuit: true } : next(specifier, context),
        });
        return node("module").createRequire("file:///")("kiln:3")`,
      "require.resolve of a file": `return node("module").createRequire("file:///").resolve(t.outside)`,
      "require.resolve of no file": `return node("module").createRequire("file:///").resolve(t.proof)`,
      "Module._load": `node("module")._load(t.outside)`,
      "Module.load": `new (node("module").Module)("x").load(t.outside)`,
      "Module._findPath": `return node("module")._findPath(t.outside, [""])`,
      "Module._extensions of scripts": `
        const module = new (node("module").Module)("x");
        node("module")._extensions[".js"](module, t.outside);`,
      "Module._extensions of JSON": `
        const module = new (node("module").Module)("x");
        node("module")._extensions[".json"](module, t.outside);
        return module.exports;`,
      "a bare name by require": `node("module").createRequire("file:///")("kiln-escape")`,
      "findPackageJSON": `return node("module").findPackageJSON("file://" + t.neighbour + "/own.js")`,
    }),
    ...refused("the lack of a place to look", /Requires read access|not a dependency/, {
      "a bare name": `await import("kiln-escape")`,
    }),
    ...all(REFUSED.file, {
      "a file from its own file": `
        Deno.writeTextFileSync("own.js", "import 'file://" + t.outside + "?5'");
        await import("file://" + Deno.cwd() + "/own.js?" + Math.random())`,
    }),
    ...all(REFUSED.import, {
      "from a server": `await import(${NET} + "?1")`,
      "from a server as JSON": `await import(${NET} + "?2", { with: { type: "json" } })`,
      "from a server as text": `await import(${NET} + "?3", { with: { type: "text" } })`,
      "from a server, by a data URL": `await import(${data(`'import ' + JSON.stringify(${NET} + "?4")`)})`,
      "from a server, by a blob URL": `await import(${blob(`'import ' + JSON.stringify(${NET} + "?5")`)})`,
      "from a server in a thread": `await inThread("await import(" + JSON.stringify(${NET} + "?6") + ")")`,
      "from a server as a thread": `await once(new Worker(${NET}, { type: "module" }), "message")`,
      "from a server in code that is evaluated": `await (0, eval)("import(" + JSON.stringify(${NET} + "?7") + ")")`,
      "from a server by a loader hook": `
        node("module").registerHooks({
          resolve: (specifier, context, next) =>
            specifier === "kiln:4" ? { url: ${NET} + "?8", shortCircuit: true } : next(specifier, context),
        });
        await import("kiln:4")`,
      "from a server that is not asked for imports by default": `await import("https://kiln.invalid/module.js")`,
    }),
    ...all(REFUSED.noRemote, {
      "from jsr.io": `await import("https://jsr.io/@std/path/1.0.0/mod.ts")`,
      "from deno.land": `await import("https://deno.land/std@0.224.0/version.ts?secret")`,
      "from esm.sh": `await import("https://esm.sh/kiln?secret")`,
      "from raw.githubusercontent.com": `await import("https://raw.githubusercontent.com/kiln/kiln/main/mod.ts")`,
      "from gist.githubusercontent.com": `await import("https://gist.githubusercontent.com/kiln/kiln")`,
      "from a jsr specifier": `await import("jsr:" + "@std/path")`,
      "from a jsr specifier in a thread": `await inThread("await import('jsr:' + '@std/path')")`,
      "from jsr.io by a data URL": `await import(${data(`'import "https://jsr.io/@std/path/1.0.0/mod.ts"'`)})`,
      "from jsr.io in a thread": `await inThread("await import('https://jsr.io/' + 'x')")`,
      "from jsr.io as a thread":
        `await once(new Worker("https://jsr.io/@std/path/1.0.0/mod.ts", { type: "module" }), "message")`,
    }),
    ...all(REFUSED.noNpm, {
      "from npm": `await import("npm:" + "kiln-escape-secret")`,
      "from npm with a version": `await import("npm:" + "kiln-escape-secret@1.0.0/deep.js")`,
      "from npm by a data URL": `await import(${data(`'import "npm:kiln-escape-secret"'`)})`,
      "from npm by a blob URL": `await import(${blob(`'import "npm:kiln-escape-secret"'`)})`,
      "from npm in a thread": `await inThread("await import('npm:' + 'kiln-escape-secret')")`,
      "from npm as a thread": `await once(new Worker("npm:kiln-escape-secret", { type: "module" }), "message")`,
      "from npm by a loader hook": `
        node("module").registerHooks({
          resolve: (specifier, context, next) =>
            specifier === "kiln:5" ? { url: "npm:kiln-escape-secret", shortCircuit: true } : next(specifier, context),
        });
        await import("kiln:5")`,
      "from npm, resolved only": `return (await import(${
        data(`'export default import.meta.resolve("npm:kiln-escape-secret")'`)
      })).default`,
    }),
    ...refused("Deno, which has no such threads", /^NotSupportedError: Classic workers are not supported/, {
      "a thread that imports scripts": `new Worker("data:text/javascript,importScripts('x')", { type: "classic" })`,
    }),
    ...harmless("the code is the job's own", /^own$/, {
      "its own code by a data URL": `return (await import("data:text/javascript,export default 'own'")).default`,
      "its own code by a blob URL": `return (await import(${blob(`"export default 'own'"`)})).default`,
    }),
  },
};
