/** What the command says about outcomes: one JSON object a line, or text for people. */
import type { ExecuteOutcome } from "../execute_outcome.ts";
import type { PrecheckOutcome } from "../precheck_outcome.ts";
import type { InputError } from "./input.ts";

/** How outcomes are written. Each function gives whole lines, without the last line feed. */
export interface Report {
  precheck(file: string, outcome: PrecheckOutcome): string;
  execution(file: string, outcome: ExecuteOutcome): string;
  unreadable(file: string, error: InputError): string;
}

/** One JSON object a line. */
export const JSON_REPORT: Report = {
  precheck(_file, outcome) {
    if (outcome.kind === "prepared") {
      const { kind, codeHash, decompressedBytes, artifactBytes, cpuTimeMs, maxRssKib } = outcome;
      return JSON.stringify({ kind, codeHash, decompressedBytes, artifactBytes, cpuTimeMs, maxRssKib });
    }
    const { kind, codeHash, error } = outcome;
    return JSON.stringify({ kind, codeHash, reason: error.kind, message: error.message });
  },
  execution(file, outcome) {
    if (outcome.kind === "valid") {
      const { kind, result, cpuTimeMs, wallTimeMs, peakMemoryPages } = outcome;
      return JSON.stringify({ file, kind, result: `0x${result.toHex()}`, cpuTimeMs, wallTimeMs, peakMemoryPages });
    }
    const { kind, reason, message, log } = outcome;
    return JSON.stringify({ file, kind, reason, message, log });
  },
  unreadable: (file, { reason, message }) => JSON.stringify({ file, kind: "unreadable", reason, message, log: [] }),
};

/**
 * A text from outside for people's terminals: what could move the cursor, change colours or hide what follows is written out. Only
 * lines stay lines.
 */
export function shown(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Text for people. */
export const TEXT_REPORT: Report = {
  precheck(file, outcome) {
    if (outcome.kind === "failed") {
      return [`failed  ${file}`, `  ${outcome.error.kind}: ${shown(outcome.error.message)}`].join("\n");
    }
    return [
      `prepared  ${file}`,
      `  code hash     ${outcome.codeHash}`,
      `  decompressed  ${bytes(outcome.decompressedBytes)}`,
      `  artifact      ${bytes(outcome.artifactBytes)}`,
      `  CPU time      ${ms(outcome.cpuTimeMs)}`,
      `  peak memory   ${bytes(outcome.maxRssKib * 1024)} in the worker`,
    ].join("\n");
  },
  execution(file, outcome) {
    if (outcome.kind !== "valid") {
      return [`${outcome.kind}  ${file}`, `  ${outcome.reason}: ${shown(outcome.message)}`].join("\n");
    }
    const { cpuTimeMs, wallTimeMs, peakMemoryPages, result } = outcome;
    return [
      `valid  ${file}`,
      `  CPU time ${ms(cpuTimeMs)}, wall-clock time ${ms(wallTimeMs)}, memory ${bytes(peakMemoryPages * 65_536)}`,
      `  result of ${bytes(result.length)}: ${shortened(`0x${result.toHex()}`)}`,
    ].join("\n");
  },
  unreadable: (file, { message }) => [`unreadable  ${file}`, `  ${shown(message)}`].join("\n"),
};

function bytes(count: number): string {
  return `${count.toLocaleString("en-US")} bytes`;
}

function ms(time: number): string {
  return `${time.toFixed(1)} ms`;
}

function shortened(hex: string): string {
  return hex.length <= 80 ? hex : `${hex.slice(0, 76)}...`;
}
