/**
 * One request and its answer. Everything that can go wrong between host and worker is told apart here and nowhere else, and after
 * anything but an answer the worker is gone.
 */
import { errorText } from "../error_text.ts";
import { FrameError, type FrameKind } from "../protocol/frame.ts";
import type { JobLimits, WatchedLimit } from "../protocol/job_limits.ts";
import { LAST_WORDS, type LastWords } from "../protocol/messages.ts";
import { ScaleError } from "../protocol/scale.ts";
import { EndOfOutput, type Received, UnaskedOutput } from "./frame_stream.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** How an exchange ended. */
export type Exchange<T> =
  | { kind: "answered"; answer: T; wallTimeMs: number }
  /** The worker did not take the request, or was of no use before it came. */
  | { kind: "unreachable"; message: string }
  /** No answer within the wall-clock limit. */
  | { kind: "timed-out"; message: string }
  /** There was an answer, and it was not one that a worker gives. */
  | { kind: "malformed-answer"; message: string }
  /** The answer could not be received. */
  | { kind: "io-error"; message: string }
  /** The process ended before it answered. */
  | { kind: "died"; message: string }
  /** V8 ended the process because its heap was full. */
  | { kind: "out-of-memory"; message: string };

/** How the exchange of a job ended. */
export type JobExchange<T> =
  | Exchange<T>
  /** The worker's watchdog ended the job because it had used more of something than it may. */
  | { kind: "limit-broken"; limit: WatchedLimit; used: number };

/** What an exchange may take. */
export interface ExchangeLimits {
  /** The wall-clock limit in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the worker at once; the exchange then rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/** How long a process may take to end after it has closed its output. */
const END_GRACE_MS = 1_000;

interface Numbered {
  requestId: number;
}

interface Request<Q> {
  readonly kind: FrameKind<Q>;
  readonly message: Q;
}

/** Sends a request and waits for the answer to it. */
export async function exchange<Q extends Numbered, A extends Numbered>(
  worker: WorkerProcess,
  request: Request<Q>,
  answerKind: FrameKind<A>,
  limits: ExchangeLimits,
): Promise<Exchange<A>> {
  const receive = async (): Promise<{ message: A }> => ({ message: await worker.receive(answerKind) });
  const exchanged = await converse(worker, request, receive, limits);
  return exchanged.kind === "answered" ? { ...exchanged, answer: exchanged.answer.message } : exchanged;
}

/**
 * Sends a job and waits for the answer to it, or for what the worker's watchdog says in its place. The signal ends the worker at once;
 * the exchange then rejects with its reason.
 */
export async function exchangeJob<Q extends Numbered & { limits: JobLimits }, A extends Numbered>(
  worker: WorkerProcess,
  request: Request<Q>,
  answerKind: FrameKind<A>,
  signal: AbortSignal,
): Promise<JobExchange<A>> {
  const { limits } = request.message;
  const receive = (): Promise<Received<A, LastWords>> => worker.receiveOr(answerKind, LAST_WORDS);
  const exchanged = await converse(worker, request, receive, { timeoutMs: limits.wallTimeMs, signal });
  if (exchanged.kind !== "answered") return exchanged;
  const { answer } = exchanged;
  if (answer.came === "instead") return broken(answer.message, limits);
  return { ...exchanged, answer: answer.message };
}

/** A job is condemned for this, so the account has to be one that condemns it. */
function broken({ limit, used }: LastWords, limits: JobLimits): JobExchange<never> {
  if (used > limits[limit]) return { kind: "limit-broken", limit, used };
  const message = `The job was ended for its ${limit}: ${used} used, ${limits[limit]} allowed`;
  return { kind: "malformed-answer", message };
}

async function converse<Q extends Numbered, R extends { message: Numbered }>(
  worker: WorkerProcess,
  request: Request<Q>,
  receive: () => Promise<R>,
  { timeoutMs, signal }: ExchangeLimits,
): Promise<Exchange<R>> {
  const start = performance.now();
  const watch = watchFor(timeoutMs, signal);
  try {
    // The answer is waited for from the start: a worker that floods its output must not keep the host from noticing.
    const received = receive();
    const sent = worker.send(request.kind, request.message).then(() => undefined, (error: unknown) => errorText(error));
    // Whoever answers before the whole request was taken has not read what it answers to.
    const answer = received.then(async (answer) => {
      const unsent = await sent;
      return unsent === undefined ? { answer } : { unsent };
    }, (error: unknown) => ({ error }));
    const first = await Promise.race([answer, watch.over, refusal(sent, answer)]);
    if (first === "aborted") throw signal.reason;
    if (first === "late") return { kind: "timed-out", message: `No answer within ${timeoutMs} ms of wall-clock time` };
    if ("unsent" in first) {
      return { kind: "unreachable", message: `The worker did not take the request (${first.unsent})` };
    }
    if ("error" in first) return await explain(worker, first.error, sent);
    const { requestId } = first.answer.message;
    if (requestId !== request.message.requestId) {
      return {
        kind: "malformed-answer",
        message: `The answer is for request ${requestId}, ${request.message.requestId} wanted`,
      };
    }
    return { kind: "answered", answer: first.answer, wallTimeMs: performance.now() - start };
  } finally {
    watch.stop();
  }
}

/** What made the answer fail. */
async function explain<T>(
  worker: WorkerProcess,
  error: unknown,
  sent: Promise<string | undefined>,
): Promise<Exchange<T>> {
  if (error instanceof UnaskedOutput) {
    // This request has nothing to do with it, and the process was killed for it.
    return { kind: "unreachable", message: `${error.message}. The worker process ${await worker.describeEnd()}` };
  }
  if (error instanceof FrameError || error instanceof ScaleError) {
    return { kind: "malformed-answer", message: error.message };
  }
  if (!(error instanceof EndOfOutput)) return { kind: "io-error", message: errorText(error) };
  const watch = watchFor(END_GRACE_MS);
  try {
    const ended = await Promise.race([worker.exited, watch.over]);
    if (ended === "late") return { kind: "io-error", message: `${error.message}, and the process goes on` };
  } finally {
    watch.stop();
  }
  const message = `The worker process ${await worker.describeEnd()}`;
  const unsent = await sent;
  if (unsent !== undefined) {
    return { kind: "unreachable", message: `The worker did not take the request (${unsent}). ${message}` };
  }
  return { kind: isOutOfMemory(await worker.exited, message) ? "out-of-memory" : "died", message };
}

/** Resolves when the request was not taken and, some time after that, nothing else has told why. */
async function refusal(sent: Promise<string | undefined>, answer: Promise<unknown>): Promise<{ unsent: string }> {
  const unsent = await sent;
  if (unsent === undefined) return await new Promise(() => {});
  const watch = watchFor(END_GRACE_MS);
  await Promise.race([watch.over, answer]);
  watch.stop();
  return { unsent };
}

/** The status that a wrapper around a process ends with when that traps. */
const TRAPPED = 128 + 5;

/** V8's own words, at the end of which it traps. */
function isOutOfMemory({ signal, code }: Deno.CommandStatus, message: string): boolean {
  return (signal === "SIGTRAP" || code === TRAPPED) && message.includes("out of memory");
}

/** Something that is over when the time is up or the signal says so. */
function watchFor(timeoutMs: number, signal?: AbortSignal): { over: Promise<"late" | "aborted">; stop: () => void } {
  const { promise, resolve } = Promise.withResolvers<"late" | "aborted">();
  const timer = setTimeout(() => resolve("late"), timeoutMs);
  const onAbort = (): void => resolve("aborted");
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  return {
    over: promise,
    stop: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}
