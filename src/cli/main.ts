/**
 * The command `kiln`: prechecks parachain validation functions, executes them on blocks, and tells what keeps them in their sandbox.
 *
 * ```sh
 * deno run --allow-read --allow-write=./pvf-artifacts --allow-run jsr:@kiln/host/cli execute CODE PARAMS...
 * ```
 *
 * @module
 */
import { abortable } from "@std/async/abortable";
import { pooledMap } from "@std/async/pool";
import { errorText } from "../error_text.ts";
import { ValidationHost } from "../host.ts";
import type { HostOptions } from "../options.ts";
import type { ExecuteOutcome } from "../execute_outcome.ts";
import { MAX_CODE_BYTES, MAX_PARAMS_BYTES } from "../protocol/messages.ts";
import { KILN_VERSION } from "../protocol/version.ts";
import { Pvf } from "../pvf.ts";
import { type Call, type CallOptions, parseCall, UsageError } from "./arguments.ts";
import { doctorJson, doctorTable, isSecure } from "./doctor.ts";
import { AGAINST, heaviest, INTERNAL, INTERRUPTED, ofExecution, ofPrecheck, OK, USAGE } from "./exit_status.ts";
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
    // A reader that went away wants no more, which is no failure to speak of.
    if (context.signal.aborted || error instanceof Deno.errors.BrokenPipe) return INTERRUPTED;
    context.err(`kiln: ${error instanceof UsageError ? error.message : errorText(error)}\n`);
    if (error instanceof UsageError) context.err("Try kiln --help\n");
    return error instanceof UsageError || error instanceof InputError ? USAGE : INTERNAL;
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
    case "doctor":
      return await doctor(call.options, context);
    case "precheck":
      return await precheck(call.code, call.options, context);
    case "execute":
      return await execute(call.code, call.params, call.options, context);
  }
}

/** Every wall is tried out by a worker that is started as all others are. */
async function doctor({ cachePath, outer, json }: CallOptions, { out, signal }: CommandContext): Promise<number> {
  await using host = await startHost({ cachePath, sandbox: { outer }, spareExecuteWorkers: 0 });
  const report = await abortable(host.security(), signal);
  out(`${json ? doctorJson(report) : doctorTable(report)}\n`);
  return isSecure(report) ? OK : AGAINST;
}

async function precheck(file: string, options: CallOptions, { out, signal }: CommandContext): Promise<number> {
  const pvf = await readPvf(file, options, signal);
  const { cachePath, timeoutMs, outer } = options;
  const limit = timeoutMs === undefined ? {} : { precheckTimeoutMs: timeoutMs };
  await using host = await startHost({ cachePath, sandbox: { outer }, spareExecuteWorkers: 0, ...limit });
  const outcome = await host.precheck(pvf, { signal });
  out(`${reportFor(options).precheck(file, outcome)}\n`);
  return ofPrecheck(outcome);
}

async function execute(
  file: string,
  paramsFiles: string[],
  options: CallOptions,
  { out, signal }: CommandContext,
): Promise<number> {
  const pvf = await readPvf(file, options, signal);
  const { cachePath, timeoutMs, outer } = options;
  const report = reportFor(options);
  await using host = await startHost({ cachePath, sandbox: { outer }, maxExecuteWorkers: MAX_EXECUTE_WORKERS });
  const stop = new AbortController();
  const eitherSignal = AbortSignal.any([signal, stop.signal]);
  const executed = pooledMap(MAX_EXECUTE_WORKERS, paramsFiles, (file: string) =>
    settled(file, async () => {
      const params = await abortable(readInput("PARAMS", file, MAX_PARAMS_BYTES), eitherSignal);
      const limit = timeoutMs === undefined ? {} : { timeoutMs };
      return await host.execute(pvf, { params, signal: eitherSignal, ...limit });
    }));
  const statuses: number[] = [];
  // The pool has to come to its end, also where the first failure leaves nothing to say of the files after it.
  for await (const { file, outcome, error } of executed) {
    if (stop.signal.aborted) continue;
    try {
      if (outcome) out(`${report.execution(file, outcome)}\n`);
      else if (error instanceof InputError) out(`${report.unreadable(file, error)}\n`);
      else throw error;
      statuses.push(outcome ? ofExecution(outcome) : USAGE);
    } catch (failure) {
      stop.abort(failure);
    }
  }
  stop.signal.throwIfAborted();
  return heaviest(statuses);
}

/** What became of one file. Nothing is thrown in the pool itself, where it would come out as something else. */
async function settled(
  file: string,
  work: () => Promise<ExecuteOutcome>,
): Promise<{ file: string; outcome?: ExecuteOutcome; error?: unknown }> {
  try {
    return { file, outcome: await work() };
  } catch (error) {
    return { file, error };
  }
}

/** A cache directory that cannot be one is the caller's mistake. */
async function startHost(options: HostOptions): Promise<ValidationHost> {
  try {
    return await ValidationHost.start(options);
  } catch (error) {
    if (error instanceof TypeError || error instanceof Deno.errors.NotADirectory) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

async function readPvf(file: string, { maxMemoryPages }: CallOptions, signal: AbortSignal): Promise<Pvf> {
  const code = await abortable(readInput("CODE", file, MAX_CODE_BYTES), signal);
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
  const out = (text: string): void => writeAll(Deno.stdout, text);
  const err = (text: string): void => {
    try {
      writeAll(Deno.stderr, text);
    } catch {
      // The exit status still tells.
    }
  };
  Deno.exit(await main(Deno.args, { out, err, signal: interrupt.signal }));
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  for (let rest = new TextEncoder().encode(text); rest.length > 0;) rest = rest.subarray(stream.writeSync(rest));
}
