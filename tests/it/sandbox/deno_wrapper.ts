/** Programs that start `deno` with another command line than they are given: the sandbox with a wall taken away. */

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
  const path = `${directory}/deno`;
  const script = `${exports}${loop}exec "${Deno.execPath()}" "$@"\n`;
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}`, { mode: 0o755 });
  return path;
}
