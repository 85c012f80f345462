import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import {
  artifactName,
  directoryName,
  type DirectoryPrefix,
  isArtifactName,
  isOwnEntry,
  temporaryName,
} from "../../src/registry/names.ts";

const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const file = (name: string) => ({ name, isFile: true, isDirectory: false, isSymlink: false });
const directory = (name: string) => ({ name, isFile: false, isDirectory: true, isSymlink: false });
const link = (name: string) => ({ name, isFile: false, isDirectory: false, isSymlink: true });
const special = (name: string) => ({ name, isFile: false, isDirectory: false, isSymlink: false });

Deno.test("artifactName() is 0x, the hex digits of 64 random bytes, and .pvf", () => {
  assertEquals(artifactName((length) => new Uint8Array(length).fill(0x0f)), `0x${"0f".repeat(64)}.pvf`);
  assertMatch(artifactName(randomBytes), /^0x[0-9a-f]{128}\.pvf$/);
  assertNotEquals(artifactName(randomBytes), artifactName(randomBytes));
});

Deno.test("temporaryName() is a name that the next start deletes", () => {
  assertMatch(temporaryName(randomBytes), /^tmp-[0-9a-f]{32}\.pvf$/);
  assert(isOwnEntry(file(temporaryName(randomBytes))));
});

Deno.test("directoryName() is a name that the next start deletes", () => {
  for (const prefix of ["worker-dir-prepare-", "worker-dir-execute-", "kiln-worker-program-"] as const) {
    const name = directoryName(prefix, randomBytes);
    assert(name.startsWith(prefix));
    assert(isOwnEntry(directory(name)));
  }
});

Deno.test("directoryName() throws when the next start would leave the directory alone", () => {
  for (const prefix of ["", "worker-prepare-", "kiln-worker-program", "kiln-worker-program-x-", "../worker-dir-"]) {
    assertThrows(() => directoryName(prefix as DirectoryPrefix, randomBytes), TypeError, "Cannot name a directory");
  }
  assertThrows(() => directoryName("worker-dir-/../../", randomBytes), TypeError);
  assertThrows(() => directoryName("worker-dir-\\..\\", randomBytes), TypeError);
});

Deno.test("isArtifactName() goes by the extension alone", () => {
  for (const name of ["a.pvf", "0x.pvf", "a.b.pvf", "a..pvf"]) assert(isArtifactName(name), name);
  for (const name of [".pvf", "pvf", "a.PVF", "a.pvf~", "a.pvf.bak", "abcd.pvfartifact"]) {
    assert(!isArtifactName(name), name);
  }
});

Deno.test("isOwnEntry() is true for what a host makes", () => {
  const own = [
    file(artifactName(randomBytes)),
    file("anything at all.pvf"),
    link("link.pvf"),
    file("wasmtime_0.0.1_deadbeef"),
    file("wasmtime_"),
    directory("worker-dir-prepare-test"),
    directory("worker-dir"),
    directory(`kiln-worker-program-${"0123456789abcdef".repeat(2)}`),
  ];
  for (const entry of own) assert(isOwnEntry(entry), entry.name);
});

Deno.test("isOwnEntry() is false for everything else", () => {
  const foreign = [
    file("abcd.pvfartifact"),
    file("polkadot_0.0.1"),
    directory("worker-prepare-test"),
    file(".pvf"),
    file("a.PVF"),
    directory("x.pvf"),
    special("fifo.pvf"),
    file("worker-dir-x"),
    link("worker-dir-x"),
    directory("my-worker-dir-x"),
    directory("Worker-dir-x"),
    directory("wasmtime_x"),
    link("wasmtime_x"),
    file("my_wasmtime_x"),
    file(`kiln-worker-program-${"0".repeat(32)}`),
    link(`kiln-worker-program-${"0".repeat(32)}`),
    directory("kiln-worker-program-"),
    directory(`kiln-worker-program-${"0".repeat(31)}`),
    directory(`kiln-worker-program-${"0".repeat(33)}`),
    directory(`kiln-worker-program-${"A".repeat(32)}`),
    directory(`kiln-worker-program-${"g".repeat(32)}`),
    file("kiln.lock"),
    directory("."),
  ];
  for (const entry of foreign) assert(!isOwnEntry(entry), entry.name);
});
