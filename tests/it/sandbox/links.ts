/** Attempts to come outside by links: by making one, or by having one made. */
import { all, type Group, REFUSED } from "./attempt.ts";

export const links: Group = {
  name: "links",
  attempts: {
    ...all(REFUSED.link, {
      "symlinkSync": `Deno.symlinkSync(t.outside, "link"); return Deno.readTextFileSync("link")`,
      "symlink": `await Deno.symlink(t.outside, "link"); return Deno.readTextFileSync("link")`,
      "symlinkSync, relatively":
        `Deno.symlinkSync("../..", "link"); return Array.from(Deno.readDirSync("link")).length`,
      "symlinkSync to a directory": `Deno.symlinkSync(t.neighbour, "link", { type: "dir" })`,
      "symlinkSync within its directory": `Deno.symlinkSync("mine", "link")`,
      "symlinkSync to nothing": `Deno.symlinkSync("/nothing/there", "link")`,
      "symlinkSync to its own process": `Deno.symlinkSync("/proc/self", "link")`,
      "symlinkSync outside": `Deno.symlinkSync(t.outside, t.proof)`,
      "node: symlinkSync": `node("fs").symlinkSync(t.outside, "link")`,
      "node: symlink": `await new Promise((ok, no) => node("fs").symlink(t.outside, "link", (e) => e ? no(e) : ok()))`,
      "node: promises.symlink": `await node("fs").promises.symlink(t.outside, "link")`,
      "node: symlinkSync of a junction": `node("fs").symlinkSync(t.neighbour, "link", "junction")`,
      "symlinkSync in a thread": `await inThread("Deno.symlinkSync(" + JSON.stringify(t.outside) + ", 'link')")`,
    }),
    ...all(REFUSED.file, {
      "linkSync into its directory": `Deno.linkSync(t.outside, "link"); return Deno.readTextFileSync("link")`,
      "link into its directory": `await Deno.link(t.outside, "link")`,
      "linkSync out of its directory": `Deno.writeTextFileSync("mine", "x"); Deno.linkSync("mine", t.proof)`,
      "linkSync of another worker's file": `Deno.linkSync(t.neighbour + "/kept", "link")`,
      "linkSync outside": `Deno.linkSync(t.outside, t.proof)`,
      "node: linkSync into its directory": `node("fs").linkSync(t.outside, "link")`,
      "node: promises.link into its directory": `await node("fs").promises.link(t.outside, "link")`,
      "node: linkSync out of its directory":
        `Deno.writeTextFileSync("mine", "x"); node("fs").linkSync("mine", t.proof)`,
    }),
    ...all(REFUSED.read, {
      "readLinkSync": `Deno.readLinkSync("/proc/self/exe")`,
      "readLink": `await Deno.readLink("/proc/self/cwd")`,
      "node: readlinkSync": `node("fs").readlinkSync("/proc/self/exe")`,
    }),
  },
};
