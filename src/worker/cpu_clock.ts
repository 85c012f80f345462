/**
 * Starts a clock of the CPU time that a job uses; the function that it gives back tells the microseconds since.
 *
 * The account is the whole process's, in which V8 compiles and collects garbage on threads of its own. A job runs on one thread, which
 * cannot use more CPU time than time has passed: what is over that is not the job's.
 *
 * The watchdog's thread is given the text of this function, which must not name anything from outside of itself.
 */
export function startCpuClock(): () => number {
  const cpuTimeUs = (): number => {
    // Deno has the function and its declarations do not.
    const { user, system } = (Deno as unknown as { cpuUsage(): { user: number; system: number } }).cpuUsage();
    return user + system;
  };
  const cpuStart = cpuTimeUs();
  const start = performance.now();
  return () => Math.min(cpuTimeUs() - cpuStart, Math.ceil((performance.now() - start) * 1000));
}
