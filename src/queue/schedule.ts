/** What a queue of workers asks about the jobs that wait: which is next. A schedule starts nothing, waits for nothing and has no clock. */

/** What a schedule is told when it is asked for the next job. */
export interface Moment {
  /** Milliseconds on the queue's clock. */
  readonly now: number;
  /** How many workers there are, busy, idle and starting. */
  readonly workers: number;
  /** How many of them are idle. */
  readonly idle: number;
  /** What the worker is bound to that has just become free, if that is why the schedule is asked. */
  readonly freed: string | undefined;
}

/** The jobs that wait, and their order. An entry is known by its identity and waits in one place at a time. */
export interface Schedule<E> extends Iterable<E> {
  /** How many entries wait. */
  readonly length: number;
  /** Puts an entry at the end of its lane. May throw {@linkcode QueueFullError}, and then has not taken the entry. */
  add(entry: E): void;
  /** Takes out the entry that is to run now; `undefined` if none is, or none may. */
  take(moment: Moment): E | undefined;
  /** Takes out this entry, and says whether it was there. */
  remove(entry: E): boolean;
  /** What waits, most urgent lane first, each lane from its front to its end. */
  [Symbol.iterator](): Iterator<E>;
}

/**
 * Too many jobs wait, and this one was not put into the queue. Nothing is said about the job: it may be tried again once others have
 * ended.
 */
export class QueueFullError extends Error {
  /** The name of the class. */
  override name = "QueueFullError";
  /** How many jobs wait. */
  readonly length: number;
  /** How many may. */
  readonly limit: number;
  /** Whether the same call may succeed later. */
  readonly retryable = true;

  /** With how many jobs wait, and how many may. */
  constructor(length: number, limit: number) {
    super(`Cannot queue a job: ${length} wait, fewer than ${limit} wanted; it may be tried again later`);
    this.length = length;
    this.limit = limit;
  }
}
