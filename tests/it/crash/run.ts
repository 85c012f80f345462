/** Runs a program of this directory to its end, or to where a fault ends it. */
import { fromFileUrl } from "@std/path";
import { hostGrants, resolutionFlags, ROOT } from "../deno_process.ts";
import { DIVISIBLE, type Fault, type Moment } from "./fault_plan.ts";

/** How a program ended. */
export interface Ended {
  /** The steps that it began, "phase: name", the last of which a fault ended. */
  readonly steps: string[];
  /** How it ended: "SIGKILL" if a fault ended it. */
  readonly end: string;
}

/** Runs a program on a cache directory, with no more than the permissions of a host. */
export async function run(program: string, cachePath: string, fault?: Fault): Promise<Ended> {
  const script = fromFileUrl(new URL(program, import.meta.url));
  const args = ["run", "--quiet", "--no-check", ...resolutionFlags(), ...hostGrants(cachePath), script, cachePath];
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args, JSON.stringify(fault ?? null)],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, signal, stdout, stderr } = await command.output();
  const steps = new TextDecoder().decode(stdout).split("\n").slice(0, -1);
  return { steps, end: signal ?? `status ${code}: ${new TextDecoder().decode(stderr)}` };
}

/** After this many steps of one kind the others are more of the same. */
const MAX_ALIKE = 4;

/** Every way to end a program that takes these steps. */
export function faultsIn(steps: string[]): Fault[] {
  return countsOf(steps).flatMap(([step, count]) => {
    const places = Array.from({ length: Math.min(count, MAX_ALIKE) }, (_, nth) => nth);
    return places.flatMap((nth) => momentsOf(step).map((moment) => ({ step, nth, moment })));
  });
}

/** Some of them: the first step of each kind and the last, each at another moment. */
export function someFaultsIn(steps: string[]): Fault[] {
  return countsOf(steps).flatMap(([step, count]) => {
    const places = new Set([0, count - 1]);
    return Array.from(places, (nth, index) => {
      const moments = momentsOf(step);
      return { step, nth, moment: moments[index % moments.length] ?? "before" };
    });
  });
}

function countsOf(steps: string[]): [step: string, count: number][] {
  return Object.entries(Object.groupBy(steps, (step) => step)).map(([step, same = []]) => [step, same.length]);
}

function momentsOf(step: string): Moment[] {
  return DIVISIBLE.has(step.split(": ")[1] ?? "") ? ["half", "before", "after"] : ["after", "before"];
}
