/** Upstream's tests with a parachain that adds numbers (tests/it/adder.rs), with real workers. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { ExecuteOutcome } from "../../src/execute_outcome.ts";
import type { ValidationHost } from "../../src/host.ts";
import { decodeValidationResult } from "../../src/protocol/validation_data.ts";
import { Pvf } from "../../src/pvf.ts";
import { ADDER, ADDER_GENESIS, adderBlock, adderHead, hashState, keccak256, validationParams } from "./test_pvfs.ts";
import { withHost } from "./with_host.ts";

const adder = await Pvf.fromCode(ADDER);

function execute(host: ValidationHost, parentHead: Uint8Array, block: Uint8Array): Promise<ExecuteOutcome> {
  const params = validationParams(parentHead, block);
  return host.execute(adder, { params, timeoutMs: 10_000, executionClass: "backing" });
}

/** The head data of a block that is valid; all else that the adder answers is as empty as can be. */
function headOf(outcome: ExecuteOutcome): Uint8Array {
  assert(outcome.kind === "valid", JSON.stringify(outcome));
  const { headData, ...rest } = decodeValidationResult(outcome.result);
  assertEquals(rest, { upwardMessages: [], horizontalMessages: [], processedDownwardMessages: 0, hrmpWatermark: 1 });
  return headData;
}

/** Executes so many blocks on the first head at once, each of which adds another number. */
async function executeAtOnce(host: ValidationHost, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => BigInt(index));
  const outcomes = await Promise.all(numbers.map((add) => execute(host, ADDER_GENESIS, adderBlock(0n, add))));
  const heads = numbers.map((state) => adderHead(1n, keccak256(ADDER_GENESIS), state));
  assertEquals(outcomes.map(headOf), heads);
}

Deno.test("execute_good_block_on_parent: the new head has the next number, its parent's hash and the hash of the sum", async () => {
  await withHost({}, async (host) => {
    const head = headOf(await execute(host, ADDER_GENESIS, adderBlock(0n, 512n)));
    assertEquals(head, adderHead(1n, keccak256(ADDER_GENESIS), 512n));
    // By another implementation of Keccak-256.
    assertEquals(hashState(0n).toHex(), "011b4d03dd8c01f1049143cf9c4c817e4b167f1d1b83e5c6f0f10d89ba1e7bce");
    assertEquals(
      head.toHex(),
      "0100000000000000" + "804df47c526d888b3f52091df4e253c821e9991ec88e342722cc485fda31747e" +
        "a88d962ceb769d13dd202a8b8478e3a3f9d762a5702f76db9fd33d9f6af919ea",
    );
  });
});

Deno.test("execute_good_chain_on_parent: ten blocks, each on the head of the one before", async () => {
  await withHost({}, async (host) => {
    let parent = ADDER_GENESIS;
    let state = 0n;
    for (let number = 1n; number <= 10n; number++) {
      const head = headOf(await execute(host, parent, adderBlock(state, number)));
      state += number;
      assertEquals(head, adderHead(number, keccak256(parent), state));
      parent = head;
    }
    assertEquals(state, 55n);
  });
});

Deno.test("execute_bad_block_on_parent: a block that starts from another state than its parent ended with is Invalid", async () => {
  await withHost({}, async (host) => {
    const outcome = await execute(host, ADDER_GENESIS, adderBlock(256n, 256n));
    assert(outcome.kind === "invalid", JSON.stringify(outcome));
    assertEquals(outcome.reason, "worker-reported-invalid");
    assertStringIncludes(outcome.message, "unreachable");
    assertEquals(headOf(await execute(host, ADDER_GENESIS, adderBlock(0n, 256n))).length, 72, "the next block is fine");
  });
});

Deno.test("stress_spawn: 100 validations at once with the default numbers of workers are all right", async () => {
  await withHost({ spareExecuteWorkers: 1 }, (host) => executeAtOnce(host, 100));
});

Deno.test("execute_can_run_serially: five validations on one worker are all right", async () => {
  await withHost({ maxExecuteWorkers: 1 }, (host) => executeAtOnce(host, 5));
});
