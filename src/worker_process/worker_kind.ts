/** The two kinds of worker. Each serves one kind of job, so a process that has prepared code never executes any. */
export type WorkerKind = "prepare-worker" | "execute-worker";
