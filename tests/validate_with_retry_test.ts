import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import type { ExecuteOutcome, InternalOutcome, PossiblyInvalidOutcome } from "../src/execute_outcome.ts";
import type { PrecheckOutcome } from "../src/precheck_outcome.ts";
import { Pvf } from "../src/pvf.ts";
import type { ExecutionClass } from "../src/queue/fairness.ts";
import { failureClass } from "../src/retry_budget.ts";
import type { RetryHost, ValidateOptions, ValidateResult } from "../src/validate_types.ts";
import { type RetryClock, Validation } from "../src/validation.ts";
import { validateWithRetry } from "../src/validate_with_retry.ts";

const PVF = await Pvf.fromCode(new Uint8Array([1]));
const OPTIONS: ValidateOptions = { params: new Uint8Array([7]), executionClass: "approval", timeoutMs: 12_000 };

const VALID: ExecuteOutcome = {
  kind: "valid",
  result: new Uint8Array(),
  cpuTimeMs: 1,
  wallTimeMs: 1,
  peakMemoryPages: 1,
  log: [],
  logDropped: 0,
};
const INVALID: ExecuteOutcome = { kind: "invalid", reason: "worker-reported-invalid", message: "trap", log: [] };
const PREPARED: PrecheckOutcome = {
  kind: "prepared",
  codeHash: PVF.codeHash,
  artifactBytes: 1,
  decompressedBytes: 1,
  cpuTimeMs: 1,
  maxRssKib: 1,
};

function doubt(reason: PossiblyInvalidOutcome["reason"]): ExecuteOutcome {
  return { kind: "possibly-invalid", reason, message: reason, log: [] };
}

function internal(reason: InternalOutcome["reason"]): ExecuteOutcome {
  return { kind: "internal", reason, message: reason, log: [] };
}

/** One answer of the host double, and how long it takes. */
type Step = ExecuteOutcome | PrecheckOutcome | [outcome: ExecuteOutcome | PrecheckOutcome, ms: number];

/** A host that answers from a list, on a clock that only it and the delays move. What happens is in `log`. */
class Double implements RetryHost, RetryClock {
  readonly log: string[] = [];
  readonly params: Uint8Array[] = [];
  #now = 1_000;
  readonly #steps: Step[];

  constructor(...steps: Step[]) {
    this.#steps = steps;
  }

  now(): number {
    return this.#now;
  }

  delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.log.push(`delay ${ms}`);
    this.#now += ms;
    return Promise.resolve();
  }

  precheck(): Promise<PrecheckOutcome> {
    this.log.push("precheck");
    return Promise.resolve(this.#next() as PrecheckOutcome);
  }

  execute(_pvf: Pvf, { timeoutMs, params }: Parameters<RetryHost["execute"]>[1]): Promise<ExecuteOutcome> {
    this.log.push(`execute ${timeoutMs}`);
    this.params.push(params);
    return Promise.resolve(this.#next() as ExecuteOutcome);
  }

  #next(): ExecuteOutcome | PrecheckOutcome {
    const step = this.#steps.shift();
    if (step === undefined) throw new Error("Cannot answer: no step is left");
    const [outcome, ms] = Array.isArray(step) ? step : [step, 0];
    this.#now += ms;
    return outcome;
  }

  validate(options: Partial<ValidateOptions> = {}): Promise<ValidateResult> {
    return new Validation(this, this, PVF, { ...OPTIONS, ...options }).run();
  }
}

const FINAL: ExecuteOutcome[] = [
  VALID,
  INVALID,
  { kind: "invalid", reason: "hard-timeout", message: "", log: [] },
  { kind: "preparation", reason: "prevalidation", message: "", log: [] },
  { kind: "execution-deadline", reason: "relay-parent-not-active", message: "", log: [] },
  internal("unsupported"),
];

Deno.test("validateWithRetry() takes an outcome that says who is to blame at once", async () => {
  for (const outcome of FINAL) {
    const host = new Double(outcome);
    const result = await host.validate();
    assertStrictEquals(result.outcome, outcome);
    assertEquals(result.attempts, [{ outcome, startedAtMs: 0, timeoutMs: 12_000 }]);
    assertEquals(host.log, ["execute 12000"]);
  }
});

const DEATHS = [
  "ambiguous-job-death",
  "ambiguous-worker-death",
  "wall-clock-timeout",
  "resources-exhausted",
  "could-not-clear-worker-dir",
] as const;

Deno.test("validateWithRetry() tries again once after a delay, with the time that is left, for each class of failure", async () => {
  const internals = [
    "spawn",
    "host-communication",
    "could-not-copy-artifact",
    "could-not-open-file",
    "preparation",
  ] as const;
  for (const outcome of [...DEATHS.map(doubt), doubt("job-error"), ...internals.map(internal)]) {
    const host = new Double([outcome, 500], VALID);
    const result = await host.validate();
    assertEquals(result.outcome, VALID);
    assertEquals(result.attempts, [
      { outcome, startedAtMs: 0, timeoutMs: 12_000 },
      { outcome: VALID, startedAtMs: 3_500, timeoutMs: 8_500 },
    ]);
    assertEquals(host.log, ["execute 12000", "delay 3000", "execute 8500"]);
  }
});

Deno.test("validateWithRetry() has one retry for a class, whichever member of it comes second", async () => {
  for (const first of DEATHS) {
    for (const second of DEATHS) {
      const host = new Double(doubt(first), doubt(second));
      const { outcome, attempts } = await host.validate();
      assertEquals([outcome, attempts.length], [doubt(second), 2]);
    }
  }
});

Deno.test("validateWithRetry() has a budget for each class, and so at most five attempts", async () => {
  const host = new Double(
    doubt("ambiguous-job-death"),
    doubt("job-error"),
    internal("spawn"),
    doubt("corrupted-artifact"),
    PREPARED,
    internal("spawn"),
  );
  const { outcome, attempts } = await host.validate({ retryDelayMs: 200 });
  assertEquals(outcome, internal("spawn"));
  assertEquals(attempts.length, 5);
  assertEquals(host.log, [
    "execute 12000",
    "delay 200",
    "execute 11800",
    "delay 200",
    "execute 11600",
    "delay 200",
    "execute 11400",
    "precheck",
    "execute 11400",
  ]);
});

Deno.test("validateWithRetry() prepares an artifact that could not be used anew, and tries again without delay", async () => {
  for (const reason of ["runtime-construction", "corrupted-artifact"] as const) {
    const host = new Double([doubt(reason), 100], [PREPARED, 400], VALID);
    const { outcome, attempts } = await host.validate();
    assertEquals(outcome, VALID);
    assertEquals(attempts.map(({ startedAtMs }) => startedAtMs), [0, 500]);
    assertEquals(host.log, ["execute 12000", "precheck", "execute 11500"]);
  }
});

Deno.test("validateWithRetry() does so once", async () => {
  const host = new Double(doubt("corrupted-artifact"), PREPARED, doubt("runtime-construction"));
  const { outcome } = await host.validate();
  assertEquals(outcome, doubt("runtime-construction"));
  assertEquals(host.log, ["execute 12000", "precheck", "execute 12000"]);
});

Deno.test("validateWithRetry() ends with the failure of that preparation, which is not tried again", async () => {
  for (
    const [kind, expected] of [
      ["prevalidation", { kind: "preparation", reason: "prevalidation", message: "no", log: [] }],
      ["timed-out", { kind: "internal", reason: "preparation", message: "timed-out: no", log: [] }],
    ] as const
  ) {
    const failed: PrecheckOutcome = { kind: "failed", codeHash: PVF.codeHash, error: { kind, message: "no" } };
    const host = new Double([doubt("corrupted-artifact"), 100], failed);
    const { outcome, attempts } = await host.validate();
    assertEquals(outcome, expected as ExecuteOutcome);
    assertEquals(attempts.map((attempt) => [attempt.outcome.kind, attempt.startedAtMs]), [
      ["possibly-invalid", 0],
      [expected.kind, 100],
    ]);
    assertEquals(host.log, ["execute 12000", "precheck"]);
  }
});

Deno.test("validateWithRetry() stops when the time and the delay together exceed the timeout", async () => {
  for (const [ms, attempts] of [[8_999, 2], [9_000, 1], [9_001, 1]] as const) {
    const host = new Double([internal("spawn"), ms], VALID);
    // At 9,000 ms there would be a retry, and no time left for it.
    assertEquals((await host.validate()).attempts.length, attempts, `${ms} ms`);
    assertEquals(host.log.includes("delay 3000"), ms <= 9_000);
  }
});

Deno.test("validateWithRetry() asks for the delay's time even where it does not wait", async () => {
  const host = new Double([doubt("corrupted-artifact"), 9_001]);
  assertEquals((await host.validate()).attempts.length, 1);
});

Deno.test("validateWithRetry() does not execute when a preparation took the time that was left", async () => {
  for (const ms of [11_999.5, 20_000]) {
    const host = new Double(doubt("corrupted-artifact"), [PREPARED, ms]);
    assertEquals((await host.validate()).outcome, doubt("corrupted-artifact"));
    assertEquals(host.log, ["execute 12000", "precheck"]);
  }
});

Deno.test("validateWithRetry() gives a retry whole milliseconds, as a host wants them", async () => {
  const host = new Double([internal("spawn"), 0.25], VALID);
  await host.validate();
  assertEquals(host.log.at(-1), "execute 8999");
});

Deno.test("validateWithRetry() tries once for backing, and as often for a dispute as for an approval", async () => {
  const failures = [doubt("ambiguous-job-death"), doubt("corrupted-artifact"), internal("spawn"), doubt("job-error")];
  for (const executionClass of ["backing", "backing-system-paras"] as const) {
    for (const failure of failures) {
      const host = new Double(failure);
      const { outcome, attempts } = await host.validate({ executionClass });
      assertEquals([outcome, attempts.length, host.log.length], [failure, 1, 1]);
    }
  }
  for (const executionClass of ["dispute", "approval"] as const) {
    const { attempts } = await new Double(internal("spawn"), VALID).validate({ executionClass });
    assertEquals(attempts.length, 2);
  }
});

Deno.test("validateWithRetry() tells the host what the execution is for, its relay parent and the signal", async () => {
  const { signal } = new AbortController();
  const seen: unknown[] = [];
  const host: RetryHost = {
    precheck: (_, options) => {
      seen.push(options.signal);
      return Promise.resolve(PREPARED);
    },
    execute: (_, { executionClass, relayParent, signal }) => {
      seen.push([executionClass, relayParent, signal]);
      return Promise.resolve(seen.length === 1 ? doubt("corrupted-artifact") : VALID);
    },
  };
  await validateWithRetry(host, PVF, { ...OPTIONS, executionClass: "dispute", relayParent: "0x01", signal });
  assertEquals(seen, [["dispute", "0x01", signal], signal, ["dispute", "0x01", signal]]);
});

Deno.test("validateWithRetry() gives every attempt the bytes that it was called with", async () => {
  const host = new Double(internal("spawn"), VALID);
  const params = new Uint8Array([7]);
  const validated = host.validate({ params });
  params[0] = 8;
  await validated;
  assertEquals(host.params, [new Uint8Array([7]), new Uint8Array([7])]);
});

Deno.test("validateWithRetry() rejects with the signal's reason while it waits for a retry", async () => {
  const abort = new AbortController();
  const host: RetryHost = {
    precheck: () => Promise.resolve(PREPARED),
    execute: () => {
      queueMicrotask(() => abort.abort(new Error("enough")));
      return Promise.resolve(internal("spawn"));
    },
  };
  // By the real clock: there would be an hour to wait.
  const options = { ...OPTIONS, timeoutMs: 10_000_000, retryDelayMs: 3_600_000, signal: abort.signal };
  await assertRejects(() => validateWithRetry(host, PVF, options), Error, "enough");
});

Deno.test("validateWithRetry() rejects with what the host rejects with", async () => {
  const host = new Double();
  await assertRejects(() => host.validate(), Error, "no step is left");
});

Deno.test("validateWithRetry() refuses options that it cannot use before it does anything", async () => {
  const host = new Double();
  for (const timeoutMs of [0, 1.5, NaN, Infinity]) {
    assertThrows(() => host.validate({ timeoutMs }), RangeError, `Cannot use timeoutMs ${timeoutMs}`);
  }
  for (const retryDelayMs of [-1, NaN, Infinity]) {
    assertThrows(() => host.validate({ retryDelayMs }), RangeError, `Cannot use retryDelayMs ${retryDelayMs}`);
  }
  for (const name of ["", "Approval", "toString"]) {
    const executionClass = name as ExecutionClass;
    assertThrows(() => host.validate({ executionClass }), TypeError, `Cannot use executionClass "${name}"`);
  }
  await assertRejects(() => validateWithRetry(host, PVF, { ...OPTIONS, timeoutMs: 0 }), RangeError);
  assertEquals(host.log, []);
});

Deno.test("failureClass() gives wall-clock expiry and short memory to the class of deaths", () => {
  assertEquals(DEATHS.map((reason) => failureClass(doubt(reason))), DEATHS.map(() => "death" as const));
});

Deno.test("validateWithRetry() does not hold a timeout against the block that had less than its time", async () => {
  const late: ExecuteOutcome = { kind: "invalid", reason: "hard-timeout", message: "8.5 s", log: [] };
  const host = new Double([internal("spawn"), 500], late);
  const { outcome, attempts } = await host.validate();
  assertEquals(outcome, internal("spawn"));
  assertEquals(attempts.map((attempt) => attempt.outcome), [internal("spawn"), late]);
});
