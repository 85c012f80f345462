/** One execution with its retries. */
import { type ExecuteOutcome, fromPrepareError } from "./execute_outcome.ts";
import { checkTimeout } from "./options.ts";
import type { Pvf } from "./pvf.ts";
import type { ExecutionClass } from "./queue/fairness.ts";
import { failureClass, RetryBudget } from "./retry_budget.ts";
import type { RetryHost, ValidateAttempt, ValidateOptions, ValidateResult } from "./validate_types.ts";

/** Time, which tests replace. */
export interface RetryClock {
  /** Milliseconds since any moment. */
  now(): number;
  /** Resolves after so many milliseconds, or rejects with the signal's reason. */
  delay(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

const DEFAULT_RETRY_DELAY_MS = 3_000;

/** Whether an execution of a class may be tried again. */
const MAY_RETRY: Readonly<Record<ExecutionClass, boolean>> = {
  "dispute": true,
  "approval": true,
  "backing-system-paras": false,
  "backing": false,
};

type CheckedOptions = ValidateOptions & { readonly retryDelayMs: number };

function checked(options: ValidateOptions): CheckedOptions {
  const { params, executionClass, timeoutMs, retryDelayMs = DEFAULT_RETRY_DELAY_MS } = options;
  checkTimeout("timeoutMs", timeoutMs);
  if (!(Number.isFinite(retryDelayMs) && retryDelayMs >= 0)) {
    throw new RangeError(`Cannot use retryDelayMs ${retryDelayMs}: a finite number of at least 0 wanted`);
  }
  if (!Object.hasOwn(MAY_RETRY, executionClass)) {
    const wanted = Object.keys(MAY_RETRY).join(", ");
    throw new TypeError(`Cannot use executionClass "${executionClass}": one of ${wanted} wanted`);
  }
  // The caller may do with its bytes what it likes between two attempts.
  return { ...options, retryDelayMs, params: params.slice() };
}

/** One call of `validateWithRetry`. */
export class Validation {
  readonly #clock: RetryClock;
  readonly #host: RetryHost;
  readonly #pvf: Pvf;
  readonly #options: CheckedOptions;
  readonly #start: number;
  readonly #budget = new RetryBudget();
  readonly #attempts: ValidateAttempt[] = [];

  /** Throws a `RangeError` or `TypeError` that names the option that cannot be used. */
  constructor(clock: RetryClock, host: RetryHost, pvf: Pvf, options: ValidateOptions) {
    this.#clock = clock;
    this.#host = host;
    this.#pvf = pvf;
    this.#options = checked(options);
    this.#start = clock.now();
  }

  /** Executes, and tries again where that is of use. To be called once. */
  async run(): Promise<ValidateResult> {
    let outcome = await this.#execute();
    while (this.#maySpendRetry(outcome)) {
      const failed = await this.#beReady(outcome);
      if (failed) return { outcome: failed, attempts: this.#attempts };
      // A preparation may have taken all that was left, which must not make the next attempt's timeout condemn the block.
      if (this.#leftMs() < 1) break;
      const next = await this.#execute();
      // It had less time than the execution has, so it proves nothing against the block.
      if (next.kind === "invalid" && next.reason === "hard-timeout") break;
      outcome = next;
    }
    return { outcome, attempts: this.#attempts };
  }

  #maySpendRetry(outcome: ExecuteOutcome): boolean {
    const { executionClass, retryDelayMs, timeoutMs } = this.#options;
    const failure = failureClass(outcome);
    if (!MAY_RETRY[executionClass] || failure === undefined) return false;
    return this.#elapsedMs() + retryDelayMs <= timeoutMs && this.#budget.spend(failure);
  }

  /** Does what has to be done before the next attempt. An outcome means that there is none. */
  async #beReady(outcome: ExecuteOutcome): Promise<ExecuteOutcome | undefined> {
    if (failureClass(outcome) === "execution-error") return await this.#prepareAgain();
    await this.#clock.delay(this.#options.retryDelayMs, this.#options.signal);
    return undefined;
  }

  async #prepareAgain(): Promise<ExecuteOutcome | undefined> {
    const started = this.#elapsedMs();
    const prechecked = await this.#host.precheck(this.#pvf, this.#signal);
    if (prechecked.kind === "prepared") return undefined;
    return this.#noted(fromPrepareError(prechecked.error), started, this.#options.timeoutMs - started);
  }

  async #execute(): Promise<ExecuteOutcome> {
    const { params, executionClass, relayParent } = this.#options;
    const started = this.#elapsedMs();
    const timeoutMs = this.#leftMs();
    const named = relayParent === undefined ? {} : { relayParent };
    const job = { params, executionClass, timeoutMs, ...named, ...this.#signal };
    return this.#noted(await this.#host.execute(this.#pvf, job), started, timeoutMs);
  }

  #noted(outcome: ExecuteOutcome, startedAtMs: number, timeoutMs: number): ExecuteOutcome {
    this.#attempts.push({ outcome, startedAtMs, timeoutMs });
    return outcome;
  }

  /** What is left of the whole time, in whole milliseconds, as a host wants it. The first attempt has all of it. */
  #leftMs(): number {
    const { timeoutMs } = this.#options;
    return this.#attempts.length === 0 ? timeoutMs : Math.floor(timeoutMs - this.#elapsedMs());
  }

  #elapsedMs(): number {
    return this.#clock.now() - this.#start;
  }

  get #signal(): { signal?: AbortSignal } {
    const { signal } = this.#options;
    return signal ? { signal } : {};
  }
}
