/** What the command was asked to do. */
import { parseArgs } from "@std/cli/parse-args";
import { errorText } from "../error_text.ts";
import { checkExecutorParams } from "../executor_params.ts";
import { checkTimeout } from "../options.ts";
import type { SandboxOptions } from "../sandbox_options.ts";

/** A call that cannot be understood. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** A call. */
export type Call =
  | { command: "help" }
  | { command: "version" }
  | { command: "doctor"; options: CallOptions }
  | { command: "precheck"; code: string; options: CallOptions }
  | { command: "execute"; code: string; params: string[]; options: CallOptions };

/** Options of a call. */
export interface CallOptions {
  readonly cachePath: string;
  readonly timeoutMs?: number;
  readonly maxMemoryPages?: number;
  readonly outer: SandboxOptions["outer"];
  readonly json: boolean;
}

const VALUED = ["cache", "timeout", "memory-pages", "sandbox"] as const;
const SWITCHES = ["json", "help", "version"] as const;

/** The call that the arguments stand for. Throws {@linkcode UsageError}. */
export function parseCall(args: readonly string[]): Call {
  const parsed = parseArgs([...args], {
    // Positional arguments are names of files, also those that look like numbers.
    string: [...VALUED, "_"],
    boolean: [...SWITCHES],
    collect: [...VALUED],
    alias: { help: "h", version: "V" },
    unknown: (argument: string, name?: string) => {
      if (name !== undefined) throw new UsageError(`Unknown option "${argument}"`);
    },
  });
  const [command, code, ...params] = parsed._.map(String);
  if (parsed.help) return { command: "help" };
  if (parsed.version) return { command: "version" };
  if (command === undefined) throw new UsageError("No command: precheck, execute or doctor wanted");
  if (command !== "precheck" && command !== "execute" && command !== "doctor") {
    throw new UsageError(`Unknown command "${command}": precheck, execute or doctor wanted`);
  }
  if (command === "doctor") return toDoctor(code, toOptions(parsed));
  if (code === undefined) throw new UsageError(`${command} needs CODE, the name of a file`);
  const options = toOptions(parsed);
  if (command === "execute") {
    if (params.length === 0) throw new UsageError("execute needs PARAMS, the names of one or more files");
    return { command, code, params, options };
  }
  if (params.length > 0) throw new UsageError(`precheck takes one file, found another: "${params[0]}"`);
  return { command, code, options };
}

/** What is said in vain is told, lest somebody relies on it. */
function toDoctor(file: string | undefined, options: CallOptions): Call {
  if (file !== undefined) throw new UsageError(`doctor takes no file, found "${file}"`);
  if (options.timeoutMs !== undefined) throw new UsageError("doctor takes no --timeout");
  if (options.maxMemoryPages !== undefined) throw new UsageError("doctor takes no --memory-pages");
  return { command: "doctor", options };
}

function toOptions(parsed: { json: boolean } & { [K in (typeof VALUED)[number]]?: string[] }): CallOptions {
  const [cache, timeout, pages, sandbox] = VALUED.map((name) => single(name, parsed[name]));
  return {
    cachePath: cache ?? "./pvf-artifacts",
    ...(timeout !== undefined && { timeoutMs: parseDuration(timeout) }),
    ...(pages !== undefined && { maxMemoryPages: parsePages(pages) }),
    outer: parseSandbox(sandbox ?? "auto"),
    json: parsed.json,
  };
}

function single(name: string, values: string[] | undefined): string | undefined {
  if (values === undefined || values.length === 0) return undefined;
  if (values.length > 1) throw new UsageError(`--${name} was given ${values.length} times, once wanted`);
  if (!values[0]) throw new UsageError(`--${name} needs a value`);
  return values[0];
}

function parseSandbox(text: string): SandboxOptions["outer"] {
  if (text === "none" || text === "bubblewrap" || text === "auto") return text;
  throw new UsageError(`--sandbox ${text} is unknown: none, bubblewrap or auto wanted`);
}

const MS_PER_UNIT: Record<string, number> = { "": 1, ms: 1, s: 1_000, m: 60_000 };

/** Milliseconds of a duration such as "1500", "1500ms", "1.5s" or "2m". */
function parseDuration(text: string): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const ms = Number(digits) * (MS_PER_UNIT[unit] ?? NaN);
  if (!(Number.isInteger(ms) && ms > 0)) {
    throw new UsageError(`--timeout ${text} is not a duration: "2s", "1500ms" or a number of milliseconds wanted`);
  }
  asUsage(() => checkTimeout("--timeout", ms));
  return ms;
}

function parsePages(text: string): number {
  const maxMemoryPages = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(maxMemoryPages)) throw new UsageError(`--memory-pages ${text} is not a whole number`);
  asUsage(() => checkExecutorParams({ maxMemoryPages }));
  return maxMemoryPages;
}

function asUsage(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new UsageError(errorText(error), { cause: error });
  }
}
