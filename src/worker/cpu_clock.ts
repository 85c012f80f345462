/** Starts a clock of the CPU time that this process uses; the function that it gives back tells the microseconds since. */
export function startCpuClock(): () => number {
  const start = cpuTimeUs();
  return () => cpuTimeUs() - start;
}

function cpuTimeUs(): number {
  // Deno has the function and its declarations do not.
  const { user, system } = (Deno as unknown as { cpuUsage(): { user: number; system: number } }).cpuUsage();
  return user + system;
}
