/**
 * The command `kiln`: prechecks parachain validation functions and executes them on blocks.
 *
 * ```sh
 * deno run --allow-read --allow-write=./pvf-artifacts --allow-run jsr:@kiln/host/cli execute CODE PARAMS...
 * ```
 *
 * @module
 */
import { pooledMap } from "@std/async/pool";
import { errorText } from "../error_text.ts";
import { ValidationHost } from "../host.ts";
import { MAX_CODE_BYTES, MAX_PARAMS_BYTES } from "../protocol/messages.ts";
import { KILN_VERSION } from "../protocol/version.ts";
import { Pvf } from "../pvf.ts";
import { type Call, type CallOptions, parseCall, UsageError } from "./arguments.ts";
import { heaviest, INTERNAL, INTERRUPTED, ofExecution, ofPrecheck, OK, USAGE } from "./exit_status.ts";
import { HELP } from "./help.ts";
import { InputError, readInput } from "./input.ts";
import { JSON_REPORT, TEXT_REPORT } from "./report.ts";

/**
 * Where the command writes, and what interrupts it.
 *
 * @example Output that is kept
 * ```ts
 * import { type CommandContext, main } from "@kiln/host/cli";
 * import { assertEquals } from "@std/assert";
 *
 * let written = "";
 * const context: CommandContext = {
 *   out: (text) => written += text,
 *   err: () => {},
 *   signal: new AbortController().signal,
 * };
 * assertEquals(await main(["--help"], context), 0);
 * assertEquals(written.startsWith("kiln"), true);
 * ```
 */
export interface CommandContext {
  /** Takes a text for standard output. */
  readonly out: (text: string) => void;
  /** Takes a text for standard error. */
  readonly err: (text: string) => void;
  /** Ends the command, which then leaves no process and no directory behind. */
  readonly signal: AbortSignal;
}

const MAX_EXECUTE_WORKERS = 2;

/**
 * Runs the command.
 *
 * Requires `--allow-read` for the files that it is given, and what a host requires.
 *
 * @param args The arguments, without the name of the command
 * @param context Where to write, and what interrupts it
 * @returns The exit status
 *
 * @example
 * ```ts
 * import { main } from "@kiln/host/cli";
 * import { assertEquals } from "@std/assert";
 *
 * const written: string[] = [];
 * const status = await main(["--version"], {
 *   out: (text) => written.push(text),
 *   err: (text) => written.push(text),
 *   signal: new AbortController().signal,
 * });
 * assertEquals(status, 0);
 * assertEquals(written.length, 1);
 * ```
 */
export async function main(args: readonly string[], context: CommandContext): Promise<number> {
  try {
    return await run(parseCall(args), context);
  } catch (error) {
    if (context.signal.aborted) return INTERRUPTED;
    context.err(`kiln: ${errorText(error)}\n`);
    if (error instanceof UsageError) context.err("Try kiln --help\n");
    const isUsage = [UsageError, InputError, RangeError, TypeError].some((kind) => error instanceof kind);
    return isUsage ? USAGE : INTERNAL;
  }
}

async function run(call: Call, context: CommandContext): Promise<number> {
  switch (call.command) {
    case "help":
      context.out(HELP);
      return OK;
    case "version":
      context.out(`kiln ${KILN_VERSION} (Deno ${Deno.version.deno}, V8 ${Deno.version.v8})\n`);
      return OK;
    case "precheck":
      return await precheck(call.code, call.options, context);
    case "execute":
      return await execute(call.code, call.params, call.options, context);
  }
}

async function precheck(file: string, options: CallOptions, { out, signal }: CommandContext): Promise<number> {
  const pvf = await readPvf(file, options);
  const { cachePath, timeoutMs } = options;
  const limits = timeoutMs === undefined ? {} : { precheckTimeoutMs: timeoutMs };
  await using host = await ValidationHost.start({ cachePath, ...limits });
  const outcome = await host.precheck(pvf, { signal });
  out(`${reportFor(options).precheck(file, outcome)}\n`);
  return ofPrecheck(outcome);
}

async function execute(
  file: string,
  params: string[],
  options: CallOptions,
  { out, signal }: CommandContext,
): Promise<number> {
  const pvf = await readPvf(file, options);
  const { cachePath, timeoutMs } = options;
  const report = reportFor(options);
  await using host = await ValidationHost.start({ cachePath, maxExecuteWorkers: MAX_EXECUTE_WORKERS });
  const one = async (file: string): Promise<{ line: string; status: number }> => {
    try {
      const params = await readInput("PARAMS", file, MAX_PARAMS_BYTES);
      const limits = timeoutMs === undefined ? {} : { timeoutMs };
      const outcome = await host.execute(pvf, { params, signal, ...limits });
      return { line: report.execution(file, outcome), status: ofExecution(outcome) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { line: report.unreadable(file, error), status: USAGE };
    }
  };
  const statuses: number[] = [];
  for await (const { line, status } of pooledMap(MAX_EXECUTE_WORKERS, params, one)) {
    out(`${line}\n`);
    statuses.push(status);
  }
  return heaviest(statuses);
}

async function readPvf(file: string, { maxMemoryPages }: CallOptions): Promise<Pvf> {
  const code = await readInput("CODE", file, MAX_CODE_BYTES);
  return await Pvf.fromCode(code, maxMemoryPages === undefined ? {} : { executorParams: { maxMemoryPages } });
}

function reportFor({ json }: CallOptions): typeof JSON_REPORT {
  return json ? JSON_REPORT : TEXT_REPORT;
}

if (import.meta.main) {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort(new DOMException("Interrupted", "AbortError"));
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  const writer = (stream: { writeSync(bytes: Uint8Array): number }) => (text: string): void => {
    for (let rest = new TextEncoder().encode(text); rest.length > 0;) rest = rest.subarray(stream.writeSync(rest));
  };
  const context = { out: writer(Deno.stdout), err: writer(Deno.stderr), signal: interrupt.signal };
  Deno.exit(await main(Deno.args, context));
}
