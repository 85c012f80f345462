/** All attempts to leave the sandbox. */
import type { Group } from "./attempt.ts";
import { devices } from "./devices.ts";
import { environment } from "./environment.ts";
import { files } from "./files.ts";
import { imports } from "./imports.ts";
import { internals } from "./internals.ts";
import { ipc } from "./ipc.ts";
import { links } from "./links.ts";
import { network } from "./network.ts";
import { node } from "./node.ts";
import { persistence } from "./persistence.ts";
import { process } from "./process.ts";
import { resources } from "./resources.ts";
import type { Place } from "./runner.ts";
import { memory, wasm } from "./wasm.ts";

/** What is tried in either kind of worker. Resources are apart: it takes long to use them up. */
export const GROUPS: readonly Group[] = [
  files,
  links,
  process,
  network,
  imports,
  environment,
  persistence,
  devices,
  ipc,
  wasm,
  internals,
  node,
];

/** What is tried in this kind of worker. */
export function groupsFor(place: Place): readonly Group[] {
  return place === "execute" ? [...GROUPS, memory] : GROUPS;
}

export { resources };
