/**
 * The text of every file of the worker program, by its path below `src/`. The files are imported as text, so that they are there
 * wherever this module is: in a checkout, in a registry, or in a cache without network.
 */
import cryptoWasmCrypto from "../crypto/wasm_crypto.ts" with { type: "text" };
import engineEngine from "../engine/engine.ts" with { type: "text" };
import enginePvfAllocator from "../engine/pvf/allocator.ts" with { type: "text" };
import enginePvfBlob from "../engine/pvf/blob.ts" with { type: "text" };
import enginePvfBlockData from "../engine/pvf/block_data.ts" with { type: "text" };
import enginePvfBulkMemory from "../engine/pvf/bulk_memory.ts" with { type: "text" };
import enginePvfConcat from "../engine/pvf/concat.ts" with { type: "text" };
import enginePvfFailures from "../engine/pvf/failures.ts" with { type: "text" };
import enginePvfGuestMemory from "../engine/pvf/guest_memory.ts" with { type: "text" };
import enginePvfHostFunctionsAllocation from "../engine/pvf/host_functions/allocation.ts" with { type: "text" };
import enginePvfHostFunctionsContext from "../engine/pvf/host_functions/context.ts" with { type: "text" };
import enginePvfHostFunctionsCrypto from "../engine/pvf/host_functions/crypto.ts" with { type: "text" };
import enginePvfHostFunctionsEcdsaRecover from "../engine/pvf/host_functions/ecdsa_recover.ts" with { type: "text" };
import enginePvfHostFunctionsEd25519 from "../engine/pvf/host_functions/ed25519.ts" with { type: "text" };
import enginePvfHostFunctionsHashing from "../engine/pvf/host_functions/hashing.ts" with { type: "text" };
import enginePvfHostFunctionsHostFunctions from "../engine/pvf/host_functions/host_functions.ts" with { type: "text" };
import enginePvfHostFunctionsLogging from "../engine/pvf/host_functions/logging.ts" with { type: "text" };
import enginePvfHostFunctionsMisc from "../engine/pvf/host_functions/misc.ts" with { type: "text" };
import enginePvfHostFunctionsSignatures from "../engine/pvf/host_functions/signatures.ts" with { type: "text" };
import enginePvfHostFunctionsTrie from "../engine/pvf/host_functions/trie.ts" with { type: "text" };
import enginePvfHostFunctionsTrieNode from "../engine/pvf/host_functions/trie_node.ts" with { type: "text" };
import enginePvfHostFunctionsTrieRoot from "../engine/pvf/host_functions/trie_root.ts" with { type: "text" };
import enginePvfInstance from "../engine/pvf/instance.ts" with { type: "text" };
import enginePvfInstructions from "../engine/pvf/instructions.ts" with { type: "text" };
import enginePvfMemoryLimit from "../engine/pvf/memory_limit.ts" with { type: "text" };
import enginePvfPanicLog from "../engine/pvf/panic_log.ts" with { type: "text" };
import enginePvfPrevalidate from "../engine/pvf/prevalidate.ts" with { type: "text" };
import enginePvfProgram from "../engine/pvf/program.ts" with { type: "text" };
import enginePvfPvfEngine from "../engine/pvf/pvf_engine.ts" with { type: "text" };
import enginePvfRuntime from "../engine/pvf/runtime.ts" with { type: "text" };
import enginePvfWasmExtension from "../engine/pvf/wasm_extension.ts" with { type: "text" };
import enginePvfWasmModule from "../engine/pvf/wasm_module.ts" with { type: "text" };
import enginePvfWasmReader from "../engine/pvf/wasm_reader.ts" with { type: "text" };
import enginePvfWasmSections from "../engine/pvf/wasm_sections.ts" with { type: "text" };
import enginePvfWasmTypes from "../engine/pvf/wasm_types.ts" with { type: "text" };
import enginePvfZstd from "../engine/pvf/zstd.ts" with { type: "text" };
import protocolFrame from "../protocol/frame.ts" with { type: "text" };
import protocolJobLimits from "../protocol/job_limits.ts" with { type: "text" };
import protocolLogSize from "../protocol/log_size.ts" with { type: "text" };
import protocolMessages from "../protocol/messages.ts" with { type: "text" };
import protocolScale from "../protocol/scale.ts" with { type: "text" };
import protocolValidationData from "../protocol/validation_data.ts" with { type: "text" };
import protocolVersion from "../protocol/version.ts" with { type: "text" };
import protocolWorkerFiles from "../protocol/worker_files.ts" with { type: "text" };
import workerArtifactFile from "../worker/artifact_file.ts" with { type: "text" };
import workerClip from "../worker/clip.ts" with { type: "text" };
import workerCpuClock from "../worker/cpu_clock.ts" with { type: "text" };
import workerEngine from "../worker/engine.ts" with { type: "text" };
import workerExecute from "../worker/execute.ts" with { type: "text" };
import workerFreeMemory from "../worker/free_memory.ts" with { type: "text" };
import workerJobLog from "../worker/job_log.ts" with { type: "text" };
import workerMain from "../worker/main.ts" with { type: "text" };
import workerPrepare from "../worker/prepare.ts" with { type: "text" };
import workerStdio from "../worker/stdio.ts" with { type: "text" };
import workerWatchdog from "../worker/watchdog.ts" with { type: "text" };
import workerWatchdogThread from "../worker/watchdog_thread.ts" with { type: "text" };

/** File names and texts. */
export const PROGRAM_FILES: Readonly<Record<string, string>> = {
  "crypto/wasm_crypto.ts": cryptoWasmCrypto,
  "engine/engine.ts": engineEngine,
  "engine/pvf/allocator.ts": enginePvfAllocator,
  "engine/pvf/blob.ts": enginePvfBlob,
  "engine/pvf/block_data.ts": enginePvfBlockData,
  "engine/pvf/bulk_memory.ts": enginePvfBulkMemory,
  "engine/pvf/concat.ts": enginePvfConcat,
  "engine/pvf/failures.ts": enginePvfFailures,
  "engine/pvf/guest_memory.ts": enginePvfGuestMemory,
  "engine/pvf/host_functions/allocation.ts": enginePvfHostFunctionsAllocation,
  "engine/pvf/host_functions/context.ts": enginePvfHostFunctionsContext,
  "engine/pvf/host_functions/crypto.ts": enginePvfHostFunctionsCrypto,
  "engine/pvf/host_functions/ecdsa_recover.ts": enginePvfHostFunctionsEcdsaRecover,
  "engine/pvf/host_functions/ed25519.ts": enginePvfHostFunctionsEd25519,
  "engine/pvf/host_functions/hashing.ts": enginePvfHostFunctionsHashing,
  "engine/pvf/host_functions/host_functions.ts": enginePvfHostFunctionsHostFunctions,
  "engine/pvf/host_functions/logging.ts": enginePvfHostFunctionsLogging,
  "engine/pvf/host_functions/misc.ts": enginePvfHostFunctionsMisc,
  "engine/pvf/host_functions/signatures.ts": enginePvfHostFunctionsSignatures,
  "engine/pvf/host_functions/trie.ts": enginePvfHostFunctionsTrie,
  "engine/pvf/host_functions/trie_node.ts": enginePvfHostFunctionsTrieNode,
  "engine/pvf/host_functions/trie_root.ts": enginePvfHostFunctionsTrieRoot,
  "engine/pvf/instance.ts": enginePvfInstance,
  "engine/pvf/instructions.ts": enginePvfInstructions,
  "engine/pvf/memory_limit.ts": enginePvfMemoryLimit,
  "engine/pvf/panic_log.ts": enginePvfPanicLog,
  "engine/pvf/prevalidate.ts": enginePvfPrevalidate,
  "engine/pvf/program.ts": enginePvfProgram,
  "engine/pvf/pvf_engine.ts": enginePvfPvfEngine,
  "engine/pvf/runtime.ts": enginePvfRuntime,
  "engine/pvf/wasm_extension.ts": enginePvfWasmExtension,
  "engine/pvf/wasm_module.ts": enginePvfWasmModule,
  "engine/pvf/wasm_reader.ts": enginePvfWasmReader,
  "engine/pvf/wasm_sections.ts": enginePvfWasmSections,
  "engine/pvf/wasm_types.ts": enginePvfWasmTypes,
  "engine/pvf/zstd.ts": enginePvfZstd,
  "protocol/frame.ts": protocolFrame,
  "protocol/job_limits.ts": protocolJobLimits,
  "protocol/log_size.ts": protocolLogSize,
  "protocol/messages.ts": protocolMessages,
  "protocol/scale.ts": protocolScale,
  "protocol/validation_data.ts": protocolValidationData,
  "protocol/version.ts": protocolVersion,
  "protocol/worker_files.ts": protocolWorkerFiles,
  "worker/artifact_file.ts": workerArtifactFile,
  "worker/clip.ts": workerClip,
  "worker/cpu_clock.ts": workerCpuClock,
  "worker/engine.ts": workerEngine,
  "worker/execute.ts": workerExecute,
  "worker/free_memory.ts": workerFreeMemory,
  "worker/job_log.ts": workerJobLog,
  "worker/main.ts": workerMain,
  "worker/prepare.ts": workerPrepare,
  "worker/stdio.ts": workerStdio,
  "worker/watchdog.ts": workerWatchdog,
  "worker/watchdog_thread.ts": workerWatchdogThread,
};
