/** A host with real workers from its start to its end, with everything that it does to the disk. */
import { delay } from "@std/async/delay";
import { exists } from "@std/fs";
import { join } from "@std/path";
import { ValidationHost } from "../../../src/host.ts";
import { Pvf } from "../../../src/pvf.ts";
import { SCRIPT_ENGINE } from "../script_engine.ts";
import { fromArguments } from "./fault_plan.ts";
import { PEACEFUL, UNTIDY } from "./scripts.ts";

const UNTIDY_WORKERS = 2;

const { path, plan } = fromArguments();
const job = { params: new Uint8Array(), timeoutMs: 60_000 };

function pvfOf(code: string): Promise<Pvf> {
  return Pvf.fromCode(new TextEncoder().encode(code));
}

async function hasBegun(): Promise<boolean> {
  const directories = Array.from(Deno.readDirSync(path)).filter(({ name }) => name.startsWith("worker-dir-"));
  const begun = await Promise.all(directories.map(({ name }) => exists(join(path, name, "begun"))));
  return begun.filter(Boolean).length === UNTIDY_WORKERS;
}

plan.phase = "start";
const host = await ValidationHost.start({
  cachePath: path,
  engineSource: SCRIPT_ENGINE,
  spawnTimeoutMs: 20_000,
  spareExecuteWorkers: 0,
  maxPrepareWorkers: UNTIDY_WORKERS,
  softPrepareWorkers: UNTIDY_WORKERS,
});

plan.phase = "prepare";
const peaceful = await pvfOf(PEACEFUL);
await host.precheck(peaceful);

plan.phase = "execute";
await host.execute(peaceful, job);
const ended: unknown[] = [];
const cut = Array.from({ length: UNTIDY_WORKERS }, async (_, number) => {
  const untidy = await pvfOf(`${UNTIDY} /* ${number} */`);
  ended.push(await host.precheck(untidy).catch((error: unknown) => error));
});
while (!await hasBegun()) {
  // Without end otherwise: what has ended does not begin.
  if (ended.length > 0) throw new Error(`A preparation ended that was to go on: ${Deno.inspect(ended)}`);
  await delay(1);
}

plan.phase = "prune";
await host.prune(0);

plan.phase = "close";
await host.close();
await Promise.all(cut);
