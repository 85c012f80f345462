/** The summary of a soak. */
import type { DeedCounts } from "./chaos.ts";
import { typical } from "./memory.ts";
import type { SoakRun } from "./run.ts";

/** A table in Markdown, fit for a note, and below it how calls ended. */
export function describeRun(run: SoakRun, deeds: DeedCounts, left: readonly string[]): string {
  const { samples, seconds, calls, settled } = run;
  const change = (field: "rssMib" | "heapMib" | "openFiles"): string => {
    const [base, end] = [typical(samples, field, 0.2, 0.4), typical(samples, field, 0.8, 1)];
    return `${base.toFixed(1)} after warm-up, ${end.toFixed(1)} at the end (${percent(end / base - 1)})`;
  };
  const rows: [string, string | number][] = [
    ["calls, settled", `${calls}, ${settled}`],
    ["duration, rate", `${seconds.toFixed(0)} s, ${Math.round(calls / seconds)} a second`],
    ["workers killed", `${deeds.kill} by SIGKILL, ${deeds.terminate} by SIGTERM`],
    ["workers stopped", `${deeds.pause} continued, ${deeds.stop} not`],
    ["workers starved", `${deeds.stutter} by stops in bursts, ${deeds.crowd} times by spinning neighbours`],
    ["other calls", [...run.actions].map(([name, count]) => `${count} ${name}`).join(", ")],
    ["warnings", [...run.warnings].map(([message, count]) => `${count} "${message}"`).join(", ") || "none"],
    ["resident set, MiB", `${change("rssMib")}, ${run.maxRssMib.toFixed(0)} at work`],
    ["heap in use, MiB", change("heapMib")],
    ["open files", change("openFiles")],
    ["left behind", left.length === 0 ? "0 processes, 0 directories" : left.join(", ")],
    ["violations", run.violations.length],
  ];
  const outcomes = [...run.outcomes].toSorted(([one], [other]) => one < other ? -1 : 1);
  return [
    "",
    "| what | found |",
    "| - | - |",
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    "",
    ...outcomes.map(([outcome, count]) => `${String(count).padStart(6)}  ${outcome}`),
    ...run.violations.map((violation) => `VIOLATION ${violation}`),
  ].join("\n");
}

function percent(share: number): string {
  return `${share < 0 ? "-" : "+"}${Math.abs(share * 100).toFixed(1)} %`;
}
