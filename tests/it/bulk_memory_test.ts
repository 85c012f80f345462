import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Pvf } from "../../src/pvf.ts";
import { runPrepareJob } from "../../src/worker_process/prepare_job.ts";
import { buildModule, OP } from "../engine/pvf/wasm_builder.ts";
import { jobLimits, Lab, NEVER } from "./lab.ts";

const FILL = [OP.i32Const, 0, OP.i32Const, 0, OP.i32Const, 0, 0xfc, 11, 0, OP.i64Const, 0];

Deno.test("a real worker prepares code with bulk memory where the executor params allow it, and only there", async () => {
  await using lab = await Lab.open({ engineSource: null });
  const code = buildModule({ bodies: [FILL] });
  for (const wasmExtBulkMemory of [false, true]) {
    const pvf = await Pvf.fromCode(code, { executorParams: { wasmExtBulkMemory } });
    const job = {
      code,
      codeHash: Uint8Array.fromHex(pvf.codeHash.slice(2)),
      prepHash: Uint8Array.fromHex(pvf.prepHash.slice(2)),
      kind: "precheck",
      wasmExtBulkMemory: pvf.executorParams.wasmExtBulkMemory ?? false,
      codeBombLimitBytes: 2 ** 20,
      limits: jobLimits(20_000),
    } as const;
    const outcome = await runPrepareJob(await lab.spawn("prepare-worker"), job, lab.registry, NEVER);
    assert(outcome.kind === "concluded", outcome.kind);
    await outcome.worker.retire();
    assertEquals("path" in outcome.result, wasmExtBulkMemory);
    if (!("path" in outcome.result)) assertStringIncludes(outcome.result.message, "WasmExtBulkMemory");
  }
});
