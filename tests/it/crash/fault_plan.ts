/**
 * A process that kills itself at one step of its work on the disk, which is the same step each time that it is run. A step is a call
 * that changes something there: between two of them, what a killed process leaves behind is the same.
 */
import { join } from "@std/path";

/** When in a step the process is to end: before it begins, when half of it is done, or as soon as it has come back. */
export type Moment = "before" | "half" | "after";

/** Where the process is to end. */
export interface Fault {
  /** What kind of step: the phase and the call, as in "publish: rename". */
  readonly step: string;
  /** Which of these steps, counted from 0. */
  readonly nth: number;
  readonly moment: Moment;
}

// deno-lint-ignore no-explicit-any -- the functions that are wrapped have nothing in common
type Call = (...args: any[]) => any;

/** How half of a step is done, where there is a half. Gets the step's own function. */
const HALVES: Record<string, (original: Call, args: Parameters<Call>) => Promise<unknown>> = {
  write: (original, [bytes]) => original(firstHalf(bytes)),
  writeFile: (original, [path, bytes, options]) => original(path, firstHalf(bytes), options),
  writeTextFile: (original, [path, text, options]) => original(path, text.slice(0, text.length / 2), options),
  copyFile: async (_original, [from, to]) => await UNWRAPPED.writeFile(to, firstHalf(await Deno.readFile(from))),
  removeTree: async (original, [path, options]) => {
    for (const { name } of Deno.readDirSync(path)) return await original(join(path, name), options);
  },
};

/** The names of the steps that can be done by half. */
export const DIVISIBLE: ReadonlySet<string> = new Set(Object.keys(HALVES));

const UNWRAPPED = { writeFile: Deno.writeFile };

function firstHalf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.length / 2);
}

/** Has this process tell every step that it begins, a line each on standard output, and end where `fault` says. */
export class FaultPlan {
  /** What the process is about, which each line begins with. */
  phase = "";
  readonly #fault: Fault | undefined;
  /** How many steps of the fault's kind there were. */
  #count = 0;

  constructor(fault: Fault | undefined) {
    this.#fault = fault;
    const inDeno = ["mkdir", "open", "rename", "remove", "writeFile", "writeTextFile", "copyFile", "chmod"];
    for (const name of inDeno) this.#wrap(Deno as unknown as Record<string, Call>, name);
    const inFiles = ["tryLock", "truncate", "write", "sync"];
    for (const name of inFiles) this.#wrap(Deno.FsFile.prototype as unknown as Record<string, Call>, name);
    this.#wrapRemoveSync();
  }

  #wrap(holder: Record<string, Call>, name: string): void {
    const original = holder[name] as Call;
    const begin = (step: string): Moment | undefined => this.#begin(step);
    holder[name] = async function (this: unknown, ...args: Parameters<Call>) {
      const bound = original.bind(this);
      const step = args[1]?.recursive && name === "remove" ? "removeTree" : name;
      const moment = begin(step);
      if (moment === "half") await HALVES[step]?.(bound, args);
      if (moment === "half") die();
      const result = await bound(...args);
      if (moment === "after") die();
      return result;
    };
  }

  #wrapRemoveSync(): void {
    const { removeSync } = Deno;
    Deno.removeSync = (...args) => {
      const moment = this.#begin("removeSync");
      removeSync(...args);
      if (moment === "after") die();
    };
  }

  /** Tells of a step. Gives back when in this step the process is to end, if it is. */
  #begin(name: string): Moment | undefined {
    const step = `${this.phase}: ${name}`;
    Deno.stdout.writeSync(new TextEncoder().encode(`${step}\n`));
    if (step !== this.#fault?.step || this.#count++ !== this.#fault.nth) return undefined;
    if (this.#fault.moment === "before") die();
    return this.#fault.moment;
  }
}

function die(): never {
  Deno.kill(Deno.pid, "SIGKILL");
  throw new Error("Cannot go on: the process was killed");
}

/** The cache directory and the plan that the test hands to a program. */
export function fromArguments(): { path: string; plan: FaultPlan } {
  const [path = "", fault = "null"] = Deno.args;
  return { path, plan: new FaultPlan(JSON.parse(fault) ?? undefined) };
}
