/** Every executor parameter in one table, by which they are checked, encoded and hashed. */
import { type Codec, u32, u64 } from "../protocol/scale.ts";
import type { ExecutorParams } from "./executor_params.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const MAX_U32 = 2 ** 32 - 1;

/** One parameter that is a list's item upstream. Each kind of timeout counts as one, since each may be there once. */
export interface Param {
  /** Its name in {@linkcode ExecutorParams}. */
  readonly name: string;
  /** What its encoding starts with: its index, and for a timeout its kind's. */
  readonly tag: readonly number[];
  readonly codec: Codec<number>;
  readonly least: number;
  readonly most: number;
  /** What counts where it is not given, for those that go together with another. */
  readonly defaultValue?: number;
  /** Whether upstream's artifact depends on it, which makes it part of the prep hash. */
  readonly changesArtifact?: true;
  get(params: ExecutorParams): number | undefined;
  /** The parameters with this one added. */
  with(params: ExecutorParams, value: number): ExecutorParams;
}

/** A parameter without a value: that it is there says everything. */
const NOTHING: Codec<number> = { encode: () => {}, decode: () => 1 };

const maxMemoryPages: Param = {
  name: "maxMemoryPages",
  tag: [1],
  codec: u32,
  least: 1,
  most: 65_536,
  changesArtifact: true,
  get: (params) => params.maxMemoryPages,
  with: (params, value) => ({ ...params, maxMemoryPages: value }),
};

/** How many values WebAssembly's stack may hold. */
export const stackLogicalMax: Param = {
  name: "stackLogicalMax",
  tag: [2],
  codec: u32,
  least: 1024,
  most: 2 * 65_536,
  defaultValue: 65_536,
  changesArtifact: true,
  get: (params) => params.stackLogicalMax,
  with: (params, value) => ({ ...params, stackLogicalMax: value }),
};

/** How many bytes the machine's stack may have. */
export const stackNativeMax: Param = {
  name: "stackNativeMax",
  tag: [3],
  codec: u32,
  least: 0,
  most: MAX_U32,
  defaultValue: 256 * MIB,
  get: (params) => params.stackNativeMax,
  with: (params, value) => ({ ...params, stackNativeMax: value }),
};

const precheckingMaxMemoryBytes: Param = {
  name: "precheckingMaxMemoryBytes",
  tag: [4],
  codec: u64,
  least: 256 * MIB,
  most: 16 * GIB,
  get: (params) => params.precheckingMaxMemoryBytes,
  with: (params, value) => ({ ...params, precheckingMaxMemoryBytes: value }),
};

/** The CPU time of a preparation for a precheck. */
export const precheckTimeout: Param = prepTimeout("precheck", 0, 60_000);
/** The CPU time of a preparation for an execution. */
export const prepareTimeout: Param = prepTimeout("prepare", 1, 360_000);
/** The CPU time of an execution for backing. */
export const backingTimeout: Param = execTimeout("backing", 0, 2_000);
/** The CPU time of an execution for an approval or a dispute. */
export const approvalTimeout: Param = execTimeout("approval", 1, 12_000);

const wasmExtBulkMemory: Param = {
  name: "wasmExtBulkMemory",
  tag: [7],
  codec: NOTHING,
  least: 1,
  most: 1,
  changesArtifact: true,
  get: (params) => params.wasmExtBulkMemory ? 1 : undefined,
  with: (params) => ({ ...params, wasmExtBulkMemory: true }),
};

/** All parameters, in the order of their indices. */
export const PARAMS: readonly Param[] = [
  maxMemoryPages,
  stackLogicalMax,
  stackNativeMax,
  precheckingMaxMemoryBytes,
  precheckTimeout,
  prepareTimeout,
  backingTimeout,
  approvalTimeout,
  wasmExtBulkMemory,
];

function prepTimeout(kind: "precheck" | "prepare", index: number, defaultValue: number): Param {
  return {
    name: `prepTimeoutMs.${kind}`,
    tag: [5, index],
    ...timeout(defaultValue),
    get: ({ prepTimeoutMs }) => prepTimeoutMs?.[kind],
    with: (params, value) => ({ ...params, prepTimeoutMs: { ...params.prepTimeoutMs, [kind]: value } }),
  };
}

function execTimeout(kind: "backing" | "approval", index: number, defaultValue: number): Param {
  return {
    name: `execTimeoutMs.${kind}`,
    tag: [6, index],
    ...timeout(defaultValue),
    get: ({ execTimeoutMs }) => execTimeoutMs?.[kind],
    with: (params, value) => ({ ...params, execTimeoutMs: { ...params.execTimeoutMs, [kind]: value } }),
  };
}

function timeout(defaultValue: number): Pick<Param, "codec" | "least" | "most" | "defaultValue"> {
  return { codec: u64, least: 0, most: Number.MAX_SAFE_INTEGER, defaultValue };
}
