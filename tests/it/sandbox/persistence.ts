/** Attempts to leave something behind that another worker, or a later one, would find. */
import { absent, all, type Group, harmless, REFUSED, refused } from "./attempt.ts";

export const persistence: Group = {
  name: "persistence",
  attempts: {
    ...refused("there being no place for storage", /Not a directory|Failed to create cache storage directory/, {
      "localStorage, set": `localStorage.setItem("kiln", "1")`,
      "localStorage, as a property": `localStorage.kiln = "1"`,
      "localStorage, get": `return localStorage.getItem("kiln")`,
      "localStorage, count": `return localStorage.length`,
      "localStorage, clear": `localStorage.clear()`,
      "caches, open": `await caches.open("kiln")`,
      "caches, has": `return await caches.has("kiln")`,
      "caches, delete": `await caches.delete("kiln")`,
      "caches in a thread": `await inThread("await caches.open('kiln')")`,
    }),
    ...refused(
      "there being no storage in threads",
      /localStorage is not (defined|available)|Not a directory|undefined/,
      {
        "localStorage in a thread":
          `await inThread("if (!globalThis.localStorage) throw new Error('localStorage is not defined'); localStorage.kiln = '1'")`,
      },
    ),
    ...all(REFUSED.write, {
      "a profile of the heap": `node("v8").writeHeapSnapshot(t.proof)`,
      "a file in the home of root":
        `Deno.writeTextFileSync("/root/kiln-escape", "x"); Deno.removeSync("/root/kiln-escape")`,
      "a file for login shells": `Deno.openSync("/etc/profile", { append: true }).close()`,
      "a file in shared memory":
        `Deno.writeTextFileSync("/dev/shm/kiln-escape", "x"); Deno.removeSync("/dev/shm/kiln-escape")`,
      "a module beside its program": `
        const url = new URL("kiln-escape.js", Deno.mainModule);
        Deno.writeTextFileSync(url, "x");
        Deno.removeSync(url);`,
      "its program": `Deno.openSync(new URL(Deno.mainModule), { append: true }).close()`,
      "deno itself": `Deno.chmodSync(Deno.execPath(), 0o755)`,
    }),
    ...all(REFUSED.file, {
      "a database outside": `
        const database = new (node("sqlite").DatabaseSync)(t.proof);
        database.exec("CREATE TABLE t (x)");
        database.close();`,
      "a database outside, read only": `new (node("sqlite").DatabaseSync)(t.outside, { readOnly: true }).close()`,
      "a copy of a database outside":
        `await node("sqlite").backup(new (node("sqlite").DatabaseSync)(":memory:"), t.proof)`,
    }),
    ...refused(
      "its being taken for a name in its directory",
      /unable to open database file: .*\/file:|Requires (read|write) access/,
      {
        "a database outside by a URL": `
        const database = new (node("sqlite").DatabaseSync)(new URL("file://" + t.proof));
        database.exec("CREATE TABLE t (x)");
        database.close();`,
      },
    ),
    ...harmless("it writes nothing", /^$/, {
      "node: a report": `return process.report.writeReport(t.proof)`,
    }),
    ...absent({
      "openKv": `await present(Deno.openKv, "Deno.openKv")("own")`,
      "cron": `present(Deno.cron, "Deno.cron")("kiln", "* * * * *", () => {})`,
      "indexedDB": `present(globalThis.indexedDB, "indexedDB").open("kiln")`,
      "cookieStore": `present(globalThis.cookieStore, "cookieStore")`,
      "a file system of its origin": `await present(navigator.storage, "navigator.storage").getDirectory()`,
      "a service worker": `await present(navigator.serviceWorker, "navigator.serviceWorker").register("data:,")`,
      "node: a cache of compiled code": `present(node("module").enableCompileCache, "enableCompileCache")(t.proof)`,
    }),
    ...harmless("it lasts as long as the process", /^1$/, {
      "sessionStorage": `sessionStorage.setItem("kiln", "1"); return sessionStorage.getItem("kiln")`,
    }),
  },
};
