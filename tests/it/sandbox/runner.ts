/** Makes attempts in real workers, started exactly as production starts them. */
import { assert } from "@std/assert";
import type { ValidationHost } from "../../../src/host.ts";
import type { HostOptions } from "../../../src/options.ts";
import { Pvf } from "../../../src/pvf.ts";
import { decodeArtifact } from "../../../src/worker/artifact_file.ts";
import { processesWith } from "../processes.ts";
import { script } from "../script_engine.ts";
import { withScriptHost } from "../with_host.ts";
import type { Attempts, Expected, Group } from "./attempt.ts";
import { KIT, type Targets } from "./kit.ts";
import { Outside } from "./outside.ts";

/** An attempt that did not end as it must. */
export interface Finding {
  /** Its group and its name. */
  readonly attempt: string;
  readonly wanted: string;
  readonly found: string;
}

/** In which kind of worker attempts are made; the two are not given the same grants. */
export type Place = "execute" | "prepare";

/** What the host of an attempt's worker is told beside what it is told in production. */
export interface Differences extends Pick<HostOptions, "denoPath" | "sandbox"> {
  /** The CPU time of an attempt; four times as much passes before one that sleeps is given up. */
  readonly timeoutMs?: number;
}

/** Makes an attempt and says how it ended: as JSON what the script returned or threw, or else the outcome. */
export type Perform = (body: string) => Promise<string>;

/** A host whose workers make attempts, and what lies around them. */
export interface Room {
  readonly perform: Perform;
  /** Makes attempts one after the other in one process. Nothing comes back if that did not live to tell. */
  performAll(bodies: readonly string[]): Promise<string[] | undefined>;
  readonly host: ValidationHost;
  readonly outside: Outside;
  readonly targets: Targets;
  readonly cachePath: string;
  /** Whether the worker that has nothing to do with any attempt is still the same process. */
  isNeighbourAlive(): boolean;
}

const TIMEOUT_MS = 1_000;

/** Starts a host, and beside the workers that make attempts one that has nothing to do with them. */
export async function inWorkers(
  place: Place,
  { timeoutMs = TIMEOUT_MS, ...options }: Differences,
  use: (room: Room) => Promise<void>,
): Promise<void> {
  await withScriptHost({ maxExecuteWorkers: 2, precheckTimeoutMs: timeoutMs, ...options }, async (host, cachePath) => {
    const neighbour = await ask(host, `Deno.cwd()`);
    // It is the first to execute anything, whatever it is started by.
    const [pid, ...others] = ownExecuteWorkers(cachePath);
    assert(pid !== undefined && others.length === 0, "the neighbour is one process");
    await using outside = await Outside.open(cachePath, { directory: neighbour, pid });
    const { targets } = outside;
    const perform = place === "execute" ? executing(host, targets, timeoutMs) : preparing(host, targets);
    const isNeighbourAlive = (): boolean => ownExecuteWorkers(cachePath).includes(pid);
    try {
      await use({
        perform,
        performAll: (bodies) => preparingAll(host, targets, bodies),
        host,
        outside,
        targets,
        cachePath,
        isNeighbourAlive,
      });
    } finally {
      // The servers outside close once nobody is connected any more.
      await host.close();
    }
  });
}

/** Makes every attempt in turn, in workers of one host. Gives back those that did not end as expected: none where the sandbox holds. */
export async function makeAttempts(
  groups: readonly Group[],
  place: Place,
  differences: Differences = {},
): Promise<Finding[]> {
  const findings: Finding[] = [];
  await inWorkers(place, differences, async (room) => {
    for (const batch of batches(named(groups), place === "prepare" ? PREPARED_AT_ONCE : 1)) {
      if (batch.length > 1 && await allEndAsExpected(batch, room)) continue;
      for (const attempt of batch) findings.push(...await makeAttempt(attempt, room));
    }
    if (room.isNeighbourAlive()) return;
    findings.push({ attempt: "all", wanted: "the neighbour alive", found: "it has ended" });
  });
  return findings;
}

type Named = [name: string, attempt: Attempts[string]];

/** How many attempts share a preparation, which has a process of its own. Where one does not end as it must, each gets its own. */
const PREPARED_AT_ONCE = 40;

/** Attempts that end their worker have it for themselves. */
function batches(attempts: Named[], size: number): Named[][] {
  const [ending, others] = [true, false].map((ends) =>
    attempts.filter(([, a]) => (a.expected.kind === "ended") === ends)
  );
  const found = (ending ?? []).map((each) => [each]);
  for (let at = 0; at < (others?.length ?? 0); at += size) found.push((others ?? []).slice(at, at + size));
  return found;
}

async function allEndAsExpected(batch: Named[], { performAll, outside }: Room): Promise<boolean> {
  const told = await performAll(batch.map(([, { body }]) => body));
  if (outside.changes().length > 0 || told?.some((each) => each.includes(outside.secret))) return false;
  return told !== undefined && batch.every(([, { expected }], index) => isExpected(expected, told[index] ?? ""));
}

async function makeAttempt([attempt, { body, expected }]: Named, { perform, outside }: Room): Promise<Finding[]> {
  const told = await perform(body);
  const faults = outside.changes();
  if (told.includes(outside.secret)) faults.unshift("the secret is in the answer");
  if (isExpected(expected, told) && faults.length === 0) return [];
  return [{ attempt, wanted: describe(expected), found: [told.slice(0, 500), ...faults].join("; ") }];
}

/** Every attempt with a name that no other has. */
export function named(groups: readonly Group[]): [name: string, attempt: Attempts[string]][] {
  return groups.flatMap(({ name: group, attempts }) =>
    Object.entries(attempts).map(([name, attempt]) => [`${group}: ${name}`, attempt] as [string, Attempts[string]])
  );
}

/** The processes that this one has started to execute, for the host on this cache directory. */
function ownExecuteWorkers(cachePath: string): number[] {
  const executing = processesWith("execute-worker");
  return processesWith(cachePath).filter((pid) => executing.includes(pid)).filter((pid) => {
    try {
      return new RegExp(`^PPid:\\s*${Deno.pid}$`, "m").test(Deno.readTextFileSync(`/proc/${pid}/status`));
    } catch {
      return false;
    }
  });
}

/** What a worker of its own finds for an expression: the same worker each time for the same one. */
async function ask(host: ValidationHost, expression: string): Promise<string> {
  const outcome = await host.execute(await Pvf.fromCode(script(`{ run: () => ${expression} }`)), {
    params: new Uint8Array(),
  });
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  return new TextDecoder().decode(outcome.result);
}

/** All by one worker, for as long as it lives. */
function executing(host: ValidationHost, targets: Targets, timeoutMs: number): Perform {
  const code = `{ run: (() => { ${KIT}
    return ({ params }) => {
      const { body, targets } = JSON.parse(new TextDecoder().decode(params));
      return perform(body, targets);
    };
  })() }`;
  const pvf = Pvf.fromCode(script(code));
  return async (body) => {
    const params = script(JSON.stringify({ body, targets }));
    const outcome = await host.execute(await pvf, { params, timeoutMs });
    return outcome.kind === "valid" ? new TextDecoder().decode(outcome.result) : JSON.stringify(outcome);
  };
}

/** Each is a preparation of its own, which fails with the answer. */
function preparing(host: ValidationHost, targets: Targets): Perform {
  return async (body) => {
    const code = `{ async prepare() { ${KIT}
      throw new PrepareFailure("prevalidation", await perform(${JSON.stringify(body)}, ${JSON.stringify(targets)}));
    } }`;
    const outcome = await host.precheck(await Pvf.fromCode(script(code)));
    if (outcome.kind !== "failed" || outcome.error.kind !== "prevalidation") return JSON.stringify(outcome);
    return outcome.error.message;
  };
}

/** The answers are what the preparation makes. */
async function preparingAll(
  host: ValidationHost,
  targets: Targets,
  bodies: readonly string[],
): Promise<string[] | undefined> {
  const code = `{ async prepare() { ${KIT}
    const told = [];
    for (const body of ${JSON.stringify(bodies)}) told.push(await perform(body, ${JSON.stringify(targets)}));
    return new TextEncoder().encode(JSON.stringify(told));
  } }`;
  const pvf = await Pvf.fromCode(script(code));
  await host.precheck(pvf);
  const artifact = host.artifacts.get(pvf.artifactId);
  if (artifact?.state !== "prepared") return undefined;
  const hash = (hex: string): Uint8Array => Uint8Array.fromHex(hex.slice(2));
  const origin = { codeHash: hash(pvf.codeHash), prepHash: hash(pvf.prepHash) };
  return JSON.parse(new TextDecoder().decode(decodeArtifact(await Deno.readFile(artifact.path), origin)));
}

/** What an attempt says of its own end, by the key under which it says it. */
export function said(told: string, key: "returned" | "threw"): string | undefined {
  try {
    return JSON.parse(told)[key];
  } catch {
    return undefined;
  }
}

function isExpected(expected: Expected, told: string): boolean {
  switch (expected.kind) {
    case "refused":
      return expected.says.test(said(told, "threw") ?? "");
    case "harmless":
      return expected.shows.test(said(told, "returned") ?? "");
    case "ended":
      return said(told, "threw") === undefined && said(told, "returned") === undefined && expected.outcome.test(told);
  }
}

function describe(expected: Expected): string {
  switch (expected.kind) {
    case "refused":
      return `refused by ${expected.by}: ${expected.says}`;
    case "harmless":
      return `let through, because ${expected.because}: ${expected.shows}`;
    case "ended":
      return `ended by ${expected.by}: ${expected.outcome}`;
  }
}
