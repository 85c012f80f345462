/** What the command says about the walls around workers: a table for people, or one JSON object. */
import { KILN_VERSION } from "../protocol/version.ts";
import { shown } from "./report.ts";
import type { SecurityCapability, SecurityCheck, SecurityReport } from "../security.ts";

/** What a worker cannot do, or what happens to it, in a few words each. */
const TITLES: Readonly<Record<SecurityCapability, string>> = {
  canConfineReads: "reads no file but its own",
  canConfineWrites: "writes no file but its own",
  canDenyNetwork: "has no network",
  canDenyProcesses: "starts and signals no process",
  canDenyEnvironment: "sees no environment",
  canDenyImports: "imports from no registry or URL",
  canDenyStorage: "leaves nothing for a later one",
  canDenyNativeCode: "loads no native code",
  canIsolateSystem: "is in namespaces of its own",
  canBoundResources: "is bounded by the kernel",
  canWatchFromInside: "is watched while it is busy",
};

const TITLE_WIDTH = 33;
const STATE_WIDTH = 10;
const TEXT_WIDTH = 54;

/** Whether a host in secure mode would start. */
export function isSecure({ problems }: SecurityReport): boolean {
  return problems.every(({ tolerated }) => tolerated);
}

/** One JSON object. */
export function doctorJson(report: SecurityReport): string {
  const versions = { kiln: KILN_VERSION, deno: Deno.version.deno, v8: Deno.version.v8 };
  const { status: { secureMode: _, ...status }, checks, problems } = report;
  const secureModeStarts = isSecure(report);
  return JSON.stringify({ kind: "doctor", secureModeStarts, versions, status, checks, problems });
}

/** A table. */
export function doctorTable(report: SecurityReport): string {
  const lines = [
    `Kiln ${KILN_VERSION} on Deno ${Deno.version.deno} with V8 ${Deno.version.v8}, ${Deno.build.os} ${Deno.build.arch}`,
    "",
    row("A worker ...", "", "How it was tested, from inside of one"),
    ...report.checks.flatMap((check) => rows(check, report)),
    "",
    isSecure(report)
      ? "A host with secureMode: true starts here."
      : "A host with secureMode: true does not start here: something is missing that it needs.",
  ];
  return lines.map((line) => line.trimEnd()).join("\n");
}

function rows({ capability, holds, tried }: SecurityCheck, { problems }: SecurityReport): string[] {
  const title = TITLES[capability];
  if (holds) return cells(title, "enforced", [tried.join(", ")]);
  const { message, remedy, tolerated } = problems.find((problem) => problem.capability === capability) ?? {};
  const need = tolerated ? "Secure mode does without it." : "Secure mode needs it.";
  return cells(title, "MISSING", [shown(`${message}`), `How to get it: ${remedy}`, need]);
}

/** The lines of one row, the texts one below the other. */
function cells(title: string, state: string, texts: string[]): string[] {
  return texts.flatMap(wrap).map((line, index) => index === 0 ? row(title, state, line) : row("", "", line));
}

function row(title: string, state: string, text: string): string {
  return `  ${title.padEnd(TITLE_WIDTH)}${state.padEnd(STATE_WIDTH)}${text}`;
}

/** Breaks a text between words. A message from elsewhere may have lines of its own. */
function wrap(text: string): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + word.length >= TEXT_WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
