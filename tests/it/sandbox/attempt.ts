/** What an attempt to leave the sandbox is, and how each is expected to end. */

/** How an attempt must end. */
export type Expected =
  /** It is refused, by what `by` names. */
  | { readonly kind: "refused"; readonly by: string; readonly says: RegExp }
  /** It goes through, and what it gives back shows that it is no way out, for the reason given. */
  | { readonly kind: "harmless"; readonly because: string; readonly shows: RegExp }
  /** The worker is ended for it, with this outcome. */
  | { readonly kind: "ended"; readonly by: string; readonly outcome: RegExp };

/** Attempts by name. A body is that of an async function; see `kit.ts` for what it is given. */
export type Attempts = Readonly<Record<string, { readonly body: string; readonly expected: Expected }>>;

/** Attempts that aim at the same thing. */
export interface Group {
  readonly name: string;
  readonly attempts: Attempts;
}

/** Attempts that are expected to end alike. */
export function all(expected: Expected, bodies: Readonly<Record<string, string>>): Attempts {
  return Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, { body, expected }]));
}

/** Attempts that go through; `shows` is what gives away that they do no harm. */
export function harmless(because: string, shows: RegExp, bodies: Readonly<Record<string, string>>): Attempts {
  return all({ kind: "harmless", because, shows }, bodies);
}

/** Attempts that end the worker. */
export function ended(by: string, outcome: RegExp, bodies: Readonly<Record<string, string>>): Attempts {
  return all({ kind: "ended", by, outcome }, bodies);
}

/** Attempts that are refused by something that is no permission. */
export function refused(by: string, says: RegExp, bodies: Readonly<Record<string, string>>): Attempts {
  return all({ kind: "refused", by, says }, bodies);
}

/** Attempts at what this Deno does not have: one that came to have it would be let through. */
export function absent(bodies: Readonly<Record<string, string>>): Attempts {
  return refused("absence", /^Absent: /, bodies);
}

/** Whether this is a refusal for lack of a permission, which a grant would turn into success. */
export function isPermission({ expected }: Attempts[string]): boolean {
  return expected.kind === "refused" && PERMISSIONS.has(expected);
}

function permission(name: string): Expected {
  return { kind: "refused", by: `no ${name} permission`, says: new RegExp(`\\bRequires ${name} access\\b`) };
}

/** Refusals by Deno's permissions, and by the flags that switch imports off. */
export const REFUSED = {
  read: permission("read"),
  write: permission("write"),
  /** Where both are needed it does not matter which is asked for first. */
  file: permission("(read|write)"),
  net: permission("net"),
  /** A socket in the file system is a file as well. */
  socket: permission("(net|read|write)"),
  env: permission("env"),
  sys: permission("sys"),
  run: {
    kind: "refused",
    by: "no run permission",
    says: /\bRequires (run access|--allow-run permissions)\b/,
  },
  /** The programs of Node look for a variable before they start another. */
  child: permission("(run|env)"),
  ffi: permission("ffi"),
  import: permission("import"),
  link: {
    kind: "refused",
    by: "no unscoped read and write permission",
    says: /requires unscoped --allow-read and --allow-write/,
  },
  noNpm: { kind: "refused", by: "--no-npm", says: /--no-npm is specified/ },
  noRemote: { kind: "refused", by: "--no-remote", says: /--no-remote is specified/ },
} as const satisfies Record<string, Expected>;

const PERMISSIONS: ReadonlySet<Expected> = new Set(
  Object.entries(REFUSED).filter(([name]) => !name.startsWith("no")).map(([, expected]) => expected),
);
