/** Attempts to get past Deno's own JavaScript, to the operations in Rust below it, with forged arguments. */
import { absent, all, ended, type Group, harmless, REFUSED, refused } from "./attempt.ts";

/** Resources that a worker does not have, but its host might. */
const RIDS = `[3, 4, 5, 6, 7, 8, 100, 65535, 2 ** 31 - 1]`;

/** Throws unless every one of some calls throws that there is no such resource. */
function onEveryRid(call: string): string {
  return `
    for (const rid of ${RIDS}) {
      try { await (${call}); } catch (error) { if (error.name === "BadResource") continue; throw error; }
      return "resource " + rid;
    }
    throw new Error("none has such a resource")`;
}

/** Brings `ops` into being: what Deno has of operations in Rust shows as soon as the JavaScript that uses it is loaded. */
const LOAD = `
  for (const use of [
    () => Deno.statSync("own"),
    () => Deno.env.get("KILN"),
    () => Deno.UnsafePointer.create(1n),
    () => Deno.hostname(),
    () => node("fs").statSync("own"),
    () => node("module").createRequire("file:///")("own"),
    () => node("http").Agent,
    () => node("tty").isatty(0),
    () => process.kill,
  ]) {
    try { use(); } catch { /* It is loaded now. */ }
  }
  const { ops } = core;
`;

/** Calls an operation, which must be there. */
function op(call: string): string {
  const [name] = call.split("(");
  return `${LOAD} present(ops.${name}, "${name}"); return ops.${call}`;
}

export const internals: Group = {
  name: "internals",
  attempts: {
    ...refused("there being no such resource", /^Error: none has such a resource$/, {
      "core.read": onEveryRid(`core.read(rid, new Uint8Array(1))`),
      "core.readSync": onEveryRid(`core.readSync(rid, new Uint8Array(1))`),
      "core.readAll": onEveryRid(`core.readAll(rid)`),
      "core.write": onEveryRid(`core.write(rid, new Uint8Array(1))`),
      "core.writeSync": onEveryRid(`core.writeSync(rid, new Uint8Array(1))`),
      "core.writeAll": onEveryRid(`core.writeAll(rid, new Uint8Array(1))`),
      "core.shutdown": onEveryRid(`core.shutdown(rid)`),
      "core.close": onEveryRid(`core.close(rid)`),
    }),
    ...harmless("its resources are its own three streams", /^stdin,stdout,stderr$/, {
      "core.resources": `return Object.values(core.resources()).filter((name) => /^std/.test(name)).join()`,
    }),
    ...all(REFUSED.ffi, {
      "op_napi_open":
        `core.ops.op_napi_open("/lib/x86_64-linux-gnu/libm.so.6", {}, Buffer, ...new Array(8).fill(() => {}))`,
      "op_napi_open of its own file":
        `core.ops.op_napi_open(Deno.cwd() + "/own.node", {}, Buffer, ...new Array(8).fill(() => {}))`,
    }),
    ...all(REFUSED.read, {
      "core.evalContext in a file's name": `
        const [promise, thrown] = core.evalContext("import(" + JSON.stringify("file://" + t.outside) + ")", "file://" + t.outside);
        await promise;`,
      "a FsFile's prototype on another file": `await Deno.FsFile.prototype.stat.call(Deno.openSync(t.outside))`,
    }),
    ...all(REFUSED.read, {
      "op_fs_chdir": op(`op_fs_chdir("..")`),
      "op_fs_stat_sync": op(`op_fs_stat_sync(t.outside, new Uint32Array(64))`),
      "op_fs_lstat_sync": op(`op_fs_lstat_sync(t.outside, new Uint32Array(64))`),
      "op_node_open_sync": op(`op_node_open_sync(t.outside, 0, 0)`),
      "op_node_fs_exists_sync": op(`op_node_fs_exists_sync(t.outside)`),
      "op_require_stat of a file": op(`op_require_stat(t.outside)`),
      "op_require_stat of nothing": op(`op_require_stat(t.proof)`),
      "op_tty_check_fd_permission": op(`op_tty_check_fd_permission(5)`),
    }),
    ...all(REFUSED.write, {
      "op_fs_chmod_sync": op(`op_fs_chmod_sync(t.outside, 0o777)`),
      "op_fs_remove_sync": op(`op_fs_remove_sync(t.outside, false)`),
      "op_fs_truncate_sync": op(`op_fs_truncate_sync(t.outside, 0)`),
      "op_fs_utime_sync": op(`op_fs_utime_sync(t.outside, 0, 0, 0, 0)`),
      "op_node_lchmod_sync": op(`op_node_lchmod_sync(t.outside, 0o777)`),
      "op_node_lutimes_sync": op(`op_node_lutimes_sync(t.outside, 0, 0, 0, 0)`),
      "op_node_rmdir_sync": op(`op_node_rmdir_sync(t.neighbour)`),
    }),
    ...all(REFUSED.file, {
      "op_fs_copy_file_sync": op(`op_fs_copy_file_sync(t.outside, t.proof)`),
      "op_fs_link_sync": op(`op_fs_link_sync(t.outside, t.proof)`),
      "op_fs_rename_sync": op(`op_fs_rename_sync(t.outside, t.proof)`),
    }),
    ...all(REFUSED.env, {
      "op_set_env": op(`op_set_env("KILN", "1")`),
      "op_delete_env": op(`op_delete_env("KILN")`),
      "op_node_load_env_file": op(`op_node_load_env_file(t.outside)`),
    }),
    ...all(REFUSED.sys, {
      "op_geteuid": op(`op_geteuid()`),
      "op_getegid": op(`op_getegid()`),
      "op_os_uptime": op(`op_os_uptime()`),
      "op_node_os_set_priority": op(`op_node_os_set_priority(t.hostPid, 0)`),
    }),
    ...all(REFUSED.run, {
      "op_node_process_kill": op(`op_node_process_kill(t.hostPid, 0)`),
    }),
    ...all(REFUSED.net, {
      "op_node_http_check_proxy_net": op(`op_node_http_check_proxy_net("127.0.0.1", t.tcp)`),
    }),
    ...all(REFUSED.ffi, {
      "op_ffi_ptr_create": op(`op_ffi_ptr_create(4096n)`),
      "op_ffi_ptr_of_exact": op(`op_ffi_ptr_of_exact(new Uint8Array(8))`),
      "op_ffi_ptr_offset": op(`op_ffi_ptr_offset(null, 4096)`),
      "op_ffi_read_u8": op(`op_ffi_read_u8(null, 0)`),
      "op_ffi_read_u64": op(`op_ffi_read_u64(null, 0)`),
      "op_ffi_read_ptr": op(`op_ffi_read_ptr(null, 0)`),
    }),
    ...refused("there being no such descriptor or resource", /Bad file descriptor|^BadResource: /, {
      "op_node_fs_read_sync": op(`op_node_fs_read_sync(100, new Uint8Array(1), 0)`),
      "op_node_fs_write_sync": op(`op_node_fs_write_sync(100, new Uint8Array(1), 0)`),
      "op_http_start": op(`op_http_start(100)`),
    }),
    ...refused("there being no program that updates itself", /Auto-update state not initialized/, {
      "op_desktop_apply_patch": `core.ops.op_desktop_apply_patch(new Uint8Array(8), t.outside, "x")`,
    }),
    ...harmless("there is no desktop that it could show up on", /^(null|undefined|false|unsupported)$/, {
      "op_desktop_alert": `return core.ops.op_desktop_alert("kiln", "kiln", null)`,
      "op_desktop_confirm": `return core.ops.op_desktop_confirm("kiln", "kiln")`,
      "op_desktop_prompt": `return core.ops.op_desktop_prompt("kiln", "kiln", "")`,
      "op_desktop_read_clipboard_text": `return await core.ops.op_desktop_read_clipboard_text()`,
      "op_desktop_request_notification_permission":
        `return await core.ops.op_desktop_request_notification_permission()`,
      "op_desktop_send_error_report":
        `return core.ops.op_desktop_send_error_report("http://127.0.0.1:" + t.http, "secret")`,
      "op_desktop_verify_ed25519":
        `return core.ops.op_desktop_verify_ed25519(new Uint8Array(32), new Uint8Array(64), new Uint8Array(1))`,
      "op_desktop_confirm_update": `return core.ops.op_desktop_confirm_update()`,
    }),
    ...ended("a panic of Deno's", /"reason":"ambiguous-job-death"|"kind":"(job-died|io-error)"/, {
      "op_desktop's BrowserWindow": `new core.ops.BrowserWindow({}, null, null)`,
    }),
    ...refused("there being no such client", /^BadResource: /, {
      "a HttpClient out of thin air": `await fetch("http://127.0.0.1:" + t.http, { client: new Deno.HttpClient(3) })`,
    }),
    ...refused("Deno's constructors", /Illegal constructor|cannot be constructed/, {
      "a FsFile out of thin air": `new Deno.FsFile(3).readSync(new Uint8Array(1))`,
      "Permissions out of thin air": `new Deno.Permissions()`,
      "a PermissionStatus out of thin air": `new Deno.PermissionStatus()`,
    }),
    ...all(REFUSED.net, {
      "a PermissionStatus that was changed": `
        const status = await Deno.permissions.query({ name: "net" });
        Object.defineProperty(status, "state", { value: "granted", configurable: true });
        try { (await Deno.connect({ port: t.tcp })).close(); } finally { delete status.state; }`,
      "permissions whose query was replaced": `
        const prototype = Object.getPrototypeOf(Deno.permissions);
        const { query } = prototype;
        prototype.query = () => ({ state: "granted" });
        try { (await Deno.connect({ port: t.tcp })).close(); } finally { prototype.query = query; }`,
    }),
    ...all(REFUSED.read, {
      "prototypes that lie: a path that changes": `
        let asked = 0;
        const path = { toString: () => asked++ === 0 ? "own" : t.outside };
        Object.setPrototypeOf(path, String.prototype);
        Deno.readTextFileSync(asked === 0 && String(path) === "own" ? String(path) : "own")`,
      "prototypes that lie: a URL whose path changes": `
        const url = new URL("file://" + Deno.cwd() + "/own");
        Object.defineProperty(url, "pathname", { get: () => t.outside });
        Deno.readTextFileSync(url)`,
      "prototypes that lie: replaced functions": `
        const { startsWith } = String.prototype;
        String.prototype.startsWith = () => true;
        try { Deno.readTextFileSync(t.outside); } finally { String.prototype.startsWith = startsWith; }`,
    }),
    ...refused("there being no notebook", /only available in `deno jupyter`/, {
      "jupyter": `Deno.jupyter.broadcast("kiln")`,
    }),
    ...absent({
      "bundle": `await present(Deno.bundle, "Deno.bundle")({ entrypoints: [t.outside] })`,
      "emit": `present(Deno.emit, "Deno.emit")`,
      "core.opAsync": `present(core.opAsync, "core.opAsync")("op_read", 3)`,
      "core.jsonOpSync": `present(core.jsonOpSync, "core.jsonOpSync")`,
      "bootstrap": `present(globalThis.bootstrap, "bootstrap")`,
      "__bootstrap": `present(globalThis.__bootstrap, "__bootstrap")`,
      "op_pledge_test_permissions":
        `present(core.ops.op_pledge_test_permissions, "op_pledge_test_permissions")({ read: true })`,
    }),
  },
};
