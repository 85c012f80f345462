/**
 * What an artifact file holds: a header that says what it was made from and for which engine version, and the prepared code. An
 * artifact made under other conditions is never run.
 */
import { bytes, decode, encode, fixedBytes, ScaleError, struct, text, u8 } from "../protocol/scale.ts";

/** Changes with every change of the header or of what an engine makes of code. */
const FORMAT = 1;

/** What the artifact was made from and by. */
export interface ArtifactOrigin {
  codeHash: Uint8Array;
  prepHash: Uint8Array;
}

interface ArtifactFile extends ArtifactOrigin {
  magic: Uint8Array;
  format: number;
  denoVersion: string;
  v8Version: string;
  prepared: Uint8Array;
}

const MAGIC = new TextEncoder().encode("kiln-pvf");

const artifactFile = struct<ArtifactFile>({
  magic: fixedBytes(MAGIC.length),
  format: u8,
  denoVersion: text(64),
  v8Version: text(64),
  codeHash: fixedBytes(32),
  prepHash: fixedBytes(32),
  prepared: bytes,
});

/** The bytes of an artifact file. */
export function encodeArtifact(origin: ArtifactOrigin, prepared: Uint8Array): Uint8Array<ArrayBuffer> {
  return encode(artifactFile, { magic: MAGIC, format: FORMAT, ...versions(), ...origin, prepared });
}

/** The prepared code of an artifact file, or an error that says why the file is not the wanted artifact. */
export function decodeArtifact(file: Uint8Array, wanted: ArtifactOrigin): Uint8Array {
  const found = decode(artifactFile, file, "artifact");
  const { denoVersion, v8Version } = versions();
  const here = `${denoVersion}/${v8Version}`;
  const made = `${found.denoVersion}/${found.v8Version}`;
  if (!sameBytes(found.magic, MAGIC)) throw new ScaleError("Cannot use the artifact: the file is not an artifact");
  if (found.format !== FORMAT) {
    throw new ScaleError(`Cannot use the artifact: format ${found.format}, ${FORMAT} wanted`);
  }
  if (made !== here) throw new ScaleError(`Cannot use the artifact: made by Deno/V8 ${made}, ${here} wanted`);
  for (const field of ["codeHash", "prepHash"] as const) {
    if (sameBytes(found[field], wanted[field])) continue;
    throw new ScaleError(
      `Cannot use the artifact: ${field} 0x${found[field].toHex()}, 0x${wanted[field].toHex()} wanted`,
    );
  }
  return found.prepared;
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function versions(): { denoVersion: string; v8Version: string } {
  return { denoVersion: Deno.version.deno, v8Version: Deno.version.v8 };
}
