/** Real blocks through the API, all at once. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeValidationParams, decodeValidationResult, encodeValidationParams, Pvf } from "../../mod.ts";
import { caseParams, caseResult, cases, pvfCode, testFile } from "../testdata.ts";
import { withHost } from "./with_host.ts";

Deno.test("execute() gives the exact result of every valid block, and every panic of the others", async () => {
  await withHost({}, async (host) => {
    const pvf = await Pvf.fromCode(await pvfCode());
    const outcomes = await Promise.all(cases.map(({ name }) => host.execute(pvf, { params: caseParams(name) })));
    for (const [index, { name, outcome: expected, panic, memoryPages }] of cases.entries()) {
      const outcome = outcomes[index];
      if (expected === "ok") {
        assert(outcome?.kind === "valid", `${name}: ${JSON.stringify(outcome)}`);
        assertEquals([outcome.result, outcome.peakMemoryPages], [caseResult(name), memoryPages], name);
      } else {
        assert(outcome?.kind === "invalid", `${name}: ${JSON.stringify(outcome)}`);
        assertEquals(outcome.reason, "worker-reported-invalid", name);
        assertStringIncludes(outcome.message, panic?.findLast((text) => text !== null) ?? "out of bounds", name);
      }
    }
    assertEquals(host.artifacts.size, 1, "one preparation for all of them");
  });
});

Deno.test("execute() takes compressed block data, and refuses what does not decompress within the limit", async () => {
  await withHost({}, async (host) => {
    const pvf = await Pvf.fromCode(await pvfCode());
    const params = decodeValidationParams(caseParams("v01_block1_remark"));
    for (const { file, expect } of JSON.parse(new TextDecoder().decode(testFile("pov_compressed/index.json")))) {
      const blockData = testFile(`pov_compressed/${file}`);
      const outcome = await host.execute(pvf, { params: encodeValidationParams({ ...params, blockData }) });
      if (expect === "error") {
        assert(outcome.kind === "invalid", `${file}: ${JSON.stringify(outcome)}`);
        assertEquals(outcome.reason, "pov-decompression-failure", file);
      } else {
        assert(outcome.kind === "valid", `${file}: ${JSON.stringify(outcome)}`);
        assertEquals(outcome.result, caseResult("v01_block1_remark"), file);
        assertEquals(decodeValidationResult(outcome.result).hrmpWatermark, 1000);
      }
    }
  });
});
