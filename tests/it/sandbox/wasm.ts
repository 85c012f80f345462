/** Attempts to use WebAssembly for more than computing: memory beyond the limit, and the system interface. */
import { type Group, harmless, refused } from "./attempt.ts";
import { wasi } from "./wasi.ts";

/** What cannot be opened from where it was given: the error is ENOTCAPABLE. */
const CONFINED = /^WASI: error 76$|Requires (read|write) access|failed to open preopen/;

/** More pages (64 KiB each) than a worker may have in one memory. */
const TOO_MANY = 4097;

export const wasm: Group = {
  name: "wasm",
  attempts: {
    ...refused("V8's check", /CompileError|LinkError|TypeError: WebAssembly/, {
      "code: bytes that are no module": `new WebAssembly.Module(crypto.getRandomValues(new Uint8Array(64)))`,
      "code: an import that is not given": `
        new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.fromHex("0061736d0100000001040160000002070101610162" + "0000")))`,
    }),
    ...refused("the permission to open what is given", /Requires (read|write) access|failed to open preopen/, {
      "wasi: given the root": wasi(`start({ "/own": "/" })`),
      "wasi: given its directory's parent": wasi(`start({ "/own": ".." })`),
      "wasi: given another worker's directory": wasi(`start({ "/own": t.neighbour })`),
      "wasi: given its process": wasi(`start({ "/own": "/proc/self" })`),
    }),
    ...refused("WASI, or the permission to open what is given", CONFINED, {
      "wasi: open by ..": wasi(`start({ "/own": "." }).call("path_open", "../secret")`),
      "wasi: open by its absolute path": wasi(`start({ "/own": "." }).call("path_open", t.outside)`),
      "wasi: open by a directory and ..": wasi(`start({ "/own": "." }).call("path_open", "mine/../../secret")`),
      "wasi: open the parent": wasi(`start({ "/own": "." }).call("path_open", "..")`),
      "wasi: open with a name for the root": wasi(`start({ "/": "." }).call("path_open", t.outside)`),
      "wasi: create by ..": wasi(`start({ "/own": "." }).call("path_open", "../proof")`),
      "wasi: make a directory by ..": wasi(`start({ "/own": "." }).call("path_create_directory", "../proof")`),
      "wasi: delete by ..": wasi(`start({ "/own": "." }).call("path_unlink_file", "../secret")`),
      "wasi: delete another worker's directory": wasi(
        `start({ "/own": "." }).call("path_remove_directory", t.neighbour)`,
      ),
      "wasi: rename by ..": wasi(`start({ "/own": "." }).call("path_rename", "../secret", "stolen")`),
      "wasi: rename out of its directory": wasi(`start({ "/own": "." }).call("path_rename", "mine", "../proof")`),
      "wasi: link by ..": wasi(`start({ "/own": "." }).call("path_link", "../secret", "stolen")`),
      "wasi: link out of its directory": wasi(`start({ "/own": "." }).call("path_link", "mine", "../proof")`),
      "wasi: examine by ..": wasi(`start({ "/own": "." }).call("path_filestat_get", "../secret")`),
      "wasi: link to a file, symbolically, and read": wasi(`
        start({ "/own": "." }).call("path_symlink", t.outside, "link");
        return Deno.readTextFileSync("link");`),
      "wasi: link to a file, symbolically, and change it": wasi(`
        start({ "/own": "." }).call("path_symlink", "../secret", "link");
        Deno.writeTextFileSync("link", "changed");`),
      "wasi: link to the directory above, symbolically, and list": wasi(`
        start({ "/own": "." }).call("path_symlink", "..", "link");
        return Array.from(Deno.readDirSync("link"), ({ name }) => name);`),
      "wasi: link to the root, symbolically, and read": wasi(`
        start({ "/own": "." }).call("path_symlink", "/", "link");
        return Deno.readTextFileSync("link/etc/hostname");`),
      "wasi: link to another worker's directory, symbolically, and write": wasi(`
        start({ "/own": "." }).call("path_symlink", t.neighbour, "link");
        Deno.writeTextFileSync("link/left", "x");`),
      "wasi: link to a file, symbolically, in a thread": `return await inThread(${
        JSON.stringify(
          wasi(
            `start({ "/own": "." }).call("path_symlink", "../secret", "link"); return Deno.readTextFileSync("link")`,
          ),
        )
      })`,
    }),
    ...harmless("it computes, as it is meant to", /^0$/, {
      "wasi: given nothing": wasi(`start({}); return 0`),
    }),
  },
};

/** Attempts of an execute worker only: a prepare worker instantiates nothing that was not checked, and serves code with every limit. */
export const memory: Group = {
  name: "wasm memory",
  attempts: {
    ...refused(
      "--wasm-max-mem-pages",
      /RangeError|CompileError|memory (size|limit)|above the upper bound|larger than implementation limit/i,
      {
        "more pages than allowed": `new WebAssembly.Memory({ initial: ${TOO_MANY} })`,
        "more shared pages than allowed":
          `new WebAssembly.Memory({ initial: ${TOO_MANY}, maximum: 65536, shared: true })`,
        "4 GiB": `new WebAssembly.Memory({ initial: 65536 })`,
        "64-bit addresses": `new WebAssembly.Memory({ initial: ${TOO_MANY}n, address: "i64" })`,
        "grow beyond what is allowed": `new WebAssembly.Memory({ initial: 1 }).grow(${TOO_MANY})`,
        "grow step by step": `
        const memory = new WebAssembly.Memory({ initial: 4000 });
        for (;;) memory.grow(10);`,
        "grow in a thread": `await inThread("new WebAssembly.Memory({ initial: 1 }).grow(${TOO_MANY})")`,
        "a module that asks for more": `
        new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 5, 4, 1, 0, 0x81, 0x20])))`,
        "table: more elements than there can be": `new WebAssembly.Table({ element: "anyfunc", initial: 2 ** 32 - 1 })`,
      },
    ),
    ...harmless("V8 takes the flag, and nothing comes of it", /^nothing$/, {
      "a larger memory by a flag": `
        node("v8").setFlagsFromString("--wasm-max-mem-pages=65536");
        try { new WebAssembly.Memory({ initial: 65536 }); } catch (error) { if (error.name === "RangeError") return "nothing"; throw error; }`,
    }),
  },
};
