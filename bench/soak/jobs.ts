/** The jobs of a soak: each follows from the seed and its index, and knows how it may end. */
import {
  type ExecuteOptions,
  type ExecuteOutcome,
  EXECUTION_CLASSES,
  type PrecheckOutcome,
  Pvf,
  type ValidationHost,
} from "../../mod.ts";
import { caseParams, caseResult, pvfCode } from "../../tests/testdata.ts";
import { sameBytes } from "../fuzz/block.ts";
import { Random } from "../random.ts";
import { BAD_SCRIPTS, GOOD_SCRIPTS, salted } from "./scripts.ts";

const KINDS = { good: 52, real: 15, realBad: 3, bad: 8, precheck: 12, precheckBad: 4, recheck: 6 } as const;
/** How many codes there are of each script. */
const SALTS = 3;
/** For so many jobs the same few scripts are in use, as a relay chain validates the same parachains for a while. */
const JOBS_PER_PHASE = 150;
/** Of what cannot be prepared there are so many that the registry soon knows them all, and its size says nothing of a leak. */
const BAD_CODES = 60;
const ABORT_SHARE = 0.12;
const MAX_ABORT_MS = 300;

/** What backing jobs build on. */
export const RELAY_PARENTS: readonly string[] = Array.from({ length: 20 }, (_, number) => `0x${number}`);

/** A job that can be run. */
export interface SoakJob {
  readonly name: string;
  /** Says how it ended, or throws what must not be. */
  run(host: ValidationHost): Promise<string>;
}

/** Killing, stopping and starving a worker makes doubts and internal failures, and never a verdict against the code. */
const BY_CHAOS: ReadonlySet<string> = new Set([
  "possibly-invalid: ambiguous-job-death",
  "possibly-invalid: ambiguous-worker-death",
  "possibly-invalid: wall-clock-timeout",
  "internal: spawn",
  "internal: host-communication",
  "internal: preparation",
]);
const PREPARE_BY_CHAOS: ReadonlySet<string> = new Set(["job-died", "timed-out", "io-error", "unreachable", "spawn"]);

/** Makes the jobs. */
export class SoakJobs {
  readonly #seed: number;
  readonly #real: Pvf;
  readonly #pvfs = new Map<string, Pvf>();

  private constructor(seed: number, real: Pvf) {
    this.#seed = seed;
    this.#real = real;
  }

  static async load(seed: number): Promise<SoakJobs> {
    return new SoakJobs(seed, await Pvf.fromCode(await pvfCode()));
  }

  /** The code that most jobs use, for heads-ups. */
  get shared(): Pvf[] {
    return [this.#real, ...this.#pvfs.values()];
  }

  make(index: number): SoakJob {
    const random = new Random(this.#seed, "jobs", index);
    const kind = random.weighted(KINDS);
    const job = this.#of(kind, index, random);
    const abortMs = random.chance(ABORT_SHARE) ? random.below(MAX_ABORT_MS) : undefined;
    return {
      name: kind,
      run: (host) => abortMs === undefined ? job(host) : aborted(abortMs, (signal) => job(host, signal)),
    };
  }

  #of(kind: keyof typeof KINDS, index: number, random: Random): Work {
    const phase = new Random(this.#seed, "phases", Math.floor(index / JOBS_PER_PHASE));
    const salt = phase.below(SALTS);
    switch (kind) {
      case "good": {
        const names = Object.keys(GOOD_SCRIPTS) as (keyof typeof GOOD_SCRIPTS)[];
        const name = random.pick([phase.pick(names), phase.pick(names)]);
        const params = random.bytes(random.pick([0, 16, 1_000, 100_000]));
        return this.#execution(this.#pvf(GOOD_SCRIPTS[name], salt), { params }, random, { valid: params });
      }
      case "real": {
        const name = random.pick(["v01_block1_remark", "v03_block1_inherents_only"]);
        return this.#execution(this.#real, { params: caseParams(name) }, random, { valid: caseResult(name) });
      }
      case "realBad":
        return this.#execution(this.#real, { params: caseParams("b10_bad_seal") }, random, { kind: "invalid" });
      case "bad": {
        const [kind, text] = BAD_SCRIPTS[random.pick(Object.keys(BAD_SCRIPTS) as (keyof typeof BAD_SCRIPTS)[])];
        const options = { params: new Uint8Array(), timeoutMs: 60 };
        return this.#execution(this.#pvf(text, salt), options, random, { kind });
      }
      case "precheck":
        return precheck(async () => await Pvf.fromCode(salted(GOOD_SCRIPTS.echo, `own ${index}`)), true);
      case "precheckBad": {
        const bad = random.below(BAD_CODES);
        const text = random.chance(0.5) ? BAD_SCRIPTS.unprepared[1] : "not a module";
        return precheck(() => this.#pvf(text, `bad ${bad}`), false);
      }
      case "recheck":
        return precheck(() => this.#pvf(GOOD_SCRIPTS[random.pick(["echo", "files", "slow"] as const)], salt), true);
    }
  }

  async #pvf(text: string, salt: number | string): Promise<Pvf> {
    const key = `${salt} ${text}`;
    const pvf = this.#pvfs.get(key) ?? await Pvf.fromCode(salted(text, salt));
    this.#pvfs.set(key, pvf);
    return pvf;
  }

  #execution(
    pvf: Pvf | Promise<Pvf>,
    options: Pick<ExecuteOptions, "params" | "timeoutMs">,
    random: Random,
    wanted: Wanted,
  ): Work {
    const executionClass = random.pick(EXECUTION_CLASSES);
    const relayParent = random.chance(0.3) ? random.pick(RELAY_PARENTS) : undefined;
    const call = { timeoutMs: 500, executionClass, ...(relayParent === undefined ? {} : { relayParent }), ...options };
    return async (host, signal) => {
      const outcome = await host.execute(await pvf, { ...call, ...(signal && { signal }) });
      return checkOutcome(outcome, wanted, relayParent !== undefined);
    };
  }
}

type Work = (host: ValidationHost, signal?: AbortSignal) => Promise<string>;

/** The exact result, or the kind of the outcome. */
type Wanted = { valid: Uint8Array } | { kind: ExecuteOutcome["kind"] };

function checkOutcome(outcome: ExecuteOutcome, wanted: Wanted, canBeLate: boolean): string {
  if (outcome.kind === "valid") {
    if ("valid" in wanted && sameBytes(outcome.result, wanted.valid)) return "valid";
    throw new Error(`A wrong result of ${outcome.result.length} bytes`);
  }
  const name = `${outcome.kind}: ${outcome.reason}`;
  const isExpected = "kind" in wanted && outcome.kind === wanted.kind;
  const isLate = canBeLate && outcome.kind === "execution-deadline";
  if (isExpected || isLate || BY_CHAOS.has(name)) return name;
  throw new Error(`It must not end so: ${JSON.stringify(outcome)}`);
}

function precheck(pvf: () => Pvf | Promise<Pvf>, isGood: boolean): Work {
  return async (host, signal) => checkPrecheck(await host.precheck(await pvf(), signal ? { signal } : {}), isGood);
}

function checkPrecheck(outcome: PrecheckOutcome, isGood: boolean): string {
  if (outcome.kind === "prepared" && isGood) return "prepared";
  if (outcome.kind === "failed") {
    const { kind } = outcome.error;
    const isExpected = !isGood && (kind === "preparation" || kind === "prevalidation");
    if (isExpected || PREPARE_BY_CHAOS.has(kind)) return `precheck failed: ${kind}`;
  }
  throw new Error(`It must not end so: ${JSON.stringify(outcome)}`);
}

/** What ends a call that the caller has lost interest in is the caller's own reason, and nothing else. */
async function aborted(ms: number, run: (signal: AbortSignal) => Promise<string>): Promise<string> {
  const abort = new AbortController();
  const reason = new Error("The soak has lost interest");
  const timer = setTimeout(() => abort.abort(reason), ms);
  try {
    return await run(abort.signal);
  } catch (error) {
    if (error === reason) return "aborted";
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
