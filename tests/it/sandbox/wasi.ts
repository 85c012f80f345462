/** A program for `node:wasi`: it does nothing by itself, and hands the system's functions out to whoever started it. */

const I32 = 0x7f;
const I64 = 0x7e;

/** The parameters of the functions that attempts use. Each takes a directory's descriptor and paths, and gives back an error number. */
const FUNCTIONS: Readonly<Record<string, readonly number[]>> = {
  path_open: [I32, I32, I32, I32, I32, I64, I64, I32, I32],
  path_symlink: [I32, I32, I32, I32, I32],
  path_link: [I32, I32, I32, I32, I32, I32, I32],
  path_rename: [I32, I32, I32, I32, I32, I32],
  path_unlink_file: [I32, I32, I32],
  path_create_directory: [I32, I32, I32],
  path_remove_directory: [I32, I32, I32],
  path_filestat_get: [I32, I32, I32, I32, I32],
};

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** All sections are shorter than what needs a second byte for its length, but for two. */
function section(id: number, entries: readonly number[][]): number[] {
  const content = [entries.length, ...entries.flat()];
  return [id, (content.length & 0x7f) | 0x80, content.length >> 7, ...content];
}

/** The module: it imports the functions, and exports them, a memory and a start function that returns. */
function program(): Uint8Array {
  const names = Object.keys(FUNCTIONS);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [...Object.values(FUNCTIONS).map((types) => [0x60, types.length, ...types, 1, I32]), [0x60, 0, 0]]),
    ...section(2, names.map((each, index) => [...name("wasi_snapshot_preview1"), ...name(each), 0, index])),
    ...section(3, [[names.length]]),
    ...section(5, [[0, 1]]),
    ...section(7, [
      [...name("memory"), 2, 0],
      [...name("_start"), 0, names.length],
      ...names.map((each, index) => [...name(each), 0, index]),
    ]),
    ...section(10, [[2, 0, 0x0b]]),
  ]);
}

/**
 * `start(preopens)` starts it. What comes back has `call(function, ...paths)`, which calls by paths relative to the first directory
 * that was given, and throws if there is an error.
 */
const WASI_KIT = `
const start = (preopens) => {
  try { Deno.mkdirSync("mine"); } catch { /* Then there is nothing of its own to take out. */ }
  const wasi = new (process.getBuiltinModule("node:wasi").WASI)({ version: "preview1", preopens, env: {}, args: [] });
  const module = new WebAssembly.Module(Uint8Array.fromHex("${program().toHex()}"));
  const { exports } = new WebAssembly.Instance(module, wasi.getImportObject());
  wasi.start({ exports });
  const arrange = {
    path_open: ([path]) => [3, 0, ...path, 0, 0x1fffffffn, 0x1fffffffn, 0, 8],
    path_symlink: ([old, path]) => [...old, 3, ...path],
    path_link: ([old, path]) => [3, 0, ...old, 3, ...path],
    path_rename: ([old, path]) => [3, ...old, 3, ...path],
    path_filestat_get: ([path]) => [3, 0, ...path, 8],
  };
  return {
    call(name, ...paths) {
      let at = 1024;
      const placed = paths.map((path) => {
        const bytes = new TextEncoder().encode(path);
        new Uint8Array(exports.memory.buffer).set(bytes, at);
        at += bytes.length;
        return [at - bytes.length, bytes.length];
      });
      const error = exports[name](...(arrange[name] ?? (([path]) => [3, ...path]))(placed));
      if (error !== 0) throw Object.assign(new Error("error " + error), { name: "WASI" });
    },
  };
};
`;

/** The body of an attempt that uses {@linkcode WASI_KIT}. */
export function wasi(body: string): string {
  return WASI_KIT + body;
}
