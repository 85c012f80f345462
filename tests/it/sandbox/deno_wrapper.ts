/** Programs that start `deno` with another command line than they are given: the sandbox with a wall taken away, or with one more. */

/** What is done to the arguments that fit a pattern of the shell. */
export interface Change {
  readonly pattern: string;
  /** What stands in the argument's place, as the shell writes it: the argument itself is `$arg`. Nothing if it is left out. */
  readonly by?: readonly string[];
}

/** Writes a program that changes the arguments and the environment, and becomes `deno`. Gives back its path. */
export async function wrapDeno(
  directory: string,
  changes: readonly Change[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}="${value}"\n`).join("");
  const cases = changes.map(({ pattern, by = [] }) =>
    `    ${pattern}) set -- "$@" ${by.map((each) => `"${each}"`).join(" ")} ;;\n`
  );
  const loop = `for arg do\n  shift\n  case "$arg" in\n${cases.join("")}    *) set -- "$@" "$arg" ;;\n  esac\ndone\n`;
  return await writeProgram(directory, `${exports}${loop}exec "${Deno.execPath()}" "$@"\n`);
}

async function writeProgram(directory: string, script: string): Promise<string> {
  const path = `${directory}/deno`;
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}`, { mode: 0o755 });
  return path;
}

/** Writes a program that starts `deno` in a sandbox of bubblewrap's, where there is nothing but what a worker needs. Gives back its path. */
export async function wrapInBubblewrap(directory: string): Promise<string> {
  const deno = Deno.execPath();
  const binds = [deno, "/lib", "/lib64", "/usr/lib"].map((path) => `--ro-bind-try ${path} ${path}`).join(" ");
  return await writeProgram(
    directory,
    `for arg do
  case "$arg" in
    --allow-read=* | --allow-write=*) own="\${arg#*=}" ;;
    */worker/main.js) program="\${arg%/worker/main.js}" ;;
  esac
done
exec bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL ${binds} --ro-bind "$program" "$program" \\
  --bind "$own" "$own" --proc /proc --dev /dev --chdir "$own" -- "${deno}" "$@"
`,
  );
}
