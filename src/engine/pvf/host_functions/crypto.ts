/** `ext_crypto_*`: signatures that can be checked without a key store. */
import { ExecuteFailure } from "../../engine.ts";
import { returnSlice } from "./context.ts";
import type { HostContext, HostFunctions } from "./context.ts";
import { recoverKey } from "./ecdsa_recover.ts";
import { verifyEd25519 } from "./ed25519.ts";

const SIGNATURE_BYTES = 64;
const PUBLIC_KEY_BYTES = 32;
const RECOVERABLE_SIGNATURE_BYTES = 65;
const HASH_BYTES = 32;

type Verify = (signature: number, message: bigint, publicKey: number) => number;

export function cryptoFunctions(context: HostContext): HostFunctions {
  const { memory, crypto } = context;
  const verifySr: Verify = (signature, message, publicKey) =>
    Number(crypto.sr25519Verify(
      memory.read(signature, SIGNATURE_BYTES),
      memory.readSlice(message),
      memory.read(publicKey, PUBLIC_KEY_BYTES),
    ));
  const verifyEd: Verify = (signature, message, publicKey) =>
    Number(verifyEd25519(
      crypto,
      memory.read(signature, SIGNATURE_BYTES),
      memory.readSlice(message),
      memory.read(publicKey, PUBLIC_KEY_BYTES),
    ));
  return {
    ext_crypto_sr25519_verify_version_2: verifySr,
    ext_crypto_ed25519_verify_version_1: verifyEd,
    ...batchFunctions(verifySr, verifyEd),
    ...recoverFunctions(context),
  };
}

/** A batch is verified as it is given; its end tells whether all of it was good. */
function batchFunctions(verifySr: Verify, verifyEd: Verify): HostFunctions {
  let allGood: number | undefined;
  function inBatch(verify: Verify): Verify {
    return (signature, message, publicKey) => {
      const good = verify(signature, message, publicKey);
      if (allGood !== undefined) allGood &= good;
      return good;
    };
  }
  return {
    ext_crypto_start_batch_verify_version_1: () => {
      if (allGood !== undefined) throw new ExecuteFailure("trap", "Cannot start a batch of signatures: one is open");
      allGood = 1;
    },
    ext_crypto_sr25519_batch_verify_version_1: inBatch(verifySr),
    ext_crypto_ed25519_batch_verify_version_1: inBatch(verifyEd),
    ext_crypto_finish_batch_verify_version_1: () => {
      if (allGood === undefined) throw new ExecuteFailure("trap", "Cannot finish a batch of signatures: none is open");
      const good = allGood;
      allGood = undefined;
      return good;
    },
  };
}

function recoverFunctions(context: HostContext): HostFunctions {
  const { memory, crypto } = context;
  function recover(form: "full" | "compressed", overflow: "reduce" | "refuse") {
    return (signature: number, hash: number) =>
      returnSlice(
        context,
        recoverKey(crypto, {
          signature: memory.read(signature, RECOVERABLE_SIGNATURE_BYTES),
          hash: memory.read(hash, HASH_BYTES),
          form,
          overflow,
        }),
      );
  }
  return {
    ext_crypto_secp256k1_ecdsa_recover_version_1: recover("full", "reduce"),
    ext_crypto_secp256k1_ecdsa_recover_version_2: recover("full", "refuse"),
    ext_crypto_secp256k1_ecdsa_recover_compressed_version_1: recover("compressed", "reduce"),
    ext_crypto_secp256k1_ecdsa_recover_compressed_version_2: recover("compressed", "refuse"),
  };
}
