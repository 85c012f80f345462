/** Runs a program that is not a worker. */

/** How it ended, and what it said. */
export interface Ended {
  readonly success: boolean;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with nothing to read and no environment but what it is given. It is killed when the signal says so, which rejects. */
export async function runToEnd(
  path: string,
  options: Pick<Deno.CommandOptions, "args" | "env">,
  signal: AbortSignal,
): Promise<Ended> {
  signal.throwIfAborted();
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(path, { ...options, ...pipes, clearEnv: true }).spawn();
  // Deno's own way to abort asks politely, and whoever is asked need not listen.
  const kill = (): void => child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  try {
    const { success, code, stdout, stderr } = await child.output();
    signal.throwIfAborted();
    return { success, code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
