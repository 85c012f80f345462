/** Other programs, run as a user would run them. */
import { fromFileUrl } from "@std/path";

/** The top of the project. */
export const ROOT: string = fromFileUrl(new URL("../../", import.meta.url));

/** The flags by which this very process resolves its imports: by JSR, or by npm where JSR cannot be reached. */
export function resolutionFlags(): string[] {
  // A package that is loaded already resolves to its place on disk.
  return /^(npm|file):/.test(import.meta.resolve("@std/path"))
    ? ["--no-lock", "--no-config", `--import-map=${ROOT}tools/npm_std.json`]
    : ["--no-lock", `--config=${ROOT}deno.json`];
}

/** What a finished program said. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `deno` with these arguments to its end. */
export async function deno(args: string[], env: Record<string, string> = {}, cwd = ROOT): Promise<Finished> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd, env: { NO_COLOR: "1", ...env }, stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** The three grants that a host needs. */
export function hostGrants(cachePath: string): string[] {
  return ["--no-prompt", `--allow-read=${cachePath}`, `--allow-write=${cachePath}`, `--allow-run=${Deno.execPath()}`];
}
