/**
 * The program that runs inside the sandbox: `main.js prepare-worker|execute-worker KILN_VERSION DENO_VERSION`. It answers requests on
 * its standard input until that ends, which is also how a worker notices that its host is gone.
 */
import { WasmCrypto } from "../crypto/wasm_crypto.ts";
import type { EngineServices } from "../engine/engine.ts";
import {
  BIND_REQUEST,
  BIND_RESPONSE,
  EXECUTE_REQUEST,
  EXECUTE_RESPONSE,
  HANDSHAKE,
  PREPARE_REQUEST,
  PREPARE_RESPONSE,
  READY,
} from "../protocol/messages.ts";
import { KILN_VERSION } from "../protocol/version.ts";
import { engine } from "./engine.ts";
import { bindJob, executeJob } from "./execute.ts";
import { freeMemory } from "./free_memory.ts";
import { prepareJob } from "./prepare.ts";
import { readMessage, writeMessage } from "./stdio.ts";
import { Watchdog } from "./watchdog.ts";

async function main(
  kind: string | undefined,
  kilnVersion: string | undefined,
  denoVersion: string | undefined,
): Promise<void> {
  checkVersions(kilnVersion, denoVersion);
  // Standard output belongs to the frames.
  // deno-lint-ignore no-console
  console.log = console.info = console.debug = console.error;
  // Asked before the host can know that the worker is ready, and so while the host is there.
  const hostPid = Deno.ppid;
  const services = shakeHands();
  // Started only now: the host need not wait for it, and a job does.
  const watchdog = new Watchdog(hostPid);
  if (kind === "prepare-worker") await serveJobs(services, watchdog);
  else if (kind === "execute-worker") await serveArtifact(services, watchdog);
  else throw new Error(`Unknown kind of worker: "${kind}", prepare-worker or execute-worker wanted`);
}

function checkVersions(kilnVersion: string | undefined, denoVersion: string | undefined): void {
  const wanted = `Kiln ${kilnVersion} on Deno ${denoVersion}`;
  const here = `Kiln ${KILN_VERSION} on Deno ${Deno.version.deno}`;
  if (wanted !== here) throw new Error(`Version mismatch: the host is ${wanted}, this worker is ${here}`);
}

function shakeHands(): EngineServices {
  const handshake = readMessage(HANDSHAKE);
  if (!handshake) throw new Error("The host ended before the handshake");
  checkVersions(handshake.kilnVersion, handshake.denoVersion);
  const services = { crypto: new WasmCrypto(handshake.cryptoWasm) };
  const { deno, v8 } = Deno.version;
  writeMessage(READY, {
    requestId: handshake.requestId,
    kilnVersion: KILN_VERSION,
    denoVersion: deno,
    v8Version: v8,
  });
  return services;
}

async function serveJobs(services: EngineServices, watchdog: Watchdog): Promise<void> {
  for (let request = readMessage(PREPARE_REQUEST); request; request = readMessage(PREPARE_REQUEST)) {
    const response = await watchdog.watch(request, () => prepareJob(engine, services, request));
    writeMessage(PREPARE_RESPONSE, response);
  }
}

/** A worker serves one artifact for its life: two PVFs never share a process. */
async function serveArtifact(services: EngineServices, watchdog: Watchdog): Promise<void> {
  const bind = readMessage(BIND_REQUEST);
  if (!bind) return;
  const { response, loaded } = await watchdog.watch(bind, () => bindJob(engine, services, bind));
  writeMessage(BIND_RESPONSE, response);
  if (!loaded) return;
  for (let request = readMessage(EXECUTE_REQUEST); request; request = readMessage(EXECUTE_REQUEST)) {
    freeMemory(request.limits);
    const response = await watchdog.watch(request, () => executeJob(loaded, request));
    writeMessage(EXECUTE_RESPONSE, response);
  }
}

await main(...Deno.args as [string?, string?, string?]);
// The watchdog's thread would keep the process, and waits where it cannot be terminated.
Deno.exit(0);
