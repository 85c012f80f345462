/** Runs a program that is not a worker. */
import { OutputTail } from "./output_tail.ts";
import { settling } from "./settling.ts";

/** How it ended, and the end of what it said. */
export interface Ended {
  readonly success: boolean;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 64 * 1024;

/** Runs a program with nothing to read and no environment but what it is given. It is killed when the signal says so, which rejects. */
export async function runToEnd(
  path: string,
  options: Pick<Deno.CommandOptions, "args" | "env">,
  signal: AbortSignal,
): Promise<Ended> {
  signal.throwIfAborted();
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(path, { ...options, ...pipes, clearEnv: true }).spawn();
  const settled = settling(child.status);
  const outputs = [child.stdout, child.stderr].map((stream) => new OutputTail(stream, MAX_OUTPUT_BYTES));
  const kill = async (): Promise<void> => {
    await settled;
    // Deno's own way to abort asks politely, and whoever is asked need not listen.
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  };
  signal.addEventListener("abort", kill, { once: true });
  try {
    const { success, code } = await child.status;
    await Promise.all(outputs.map((output) => output.end()));
    signal.throwIfAborted();
    const [stdout = "", stderr = ""] = outputs.map(({ text }) => text);
    return { success, code, stdout, stderr };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}
