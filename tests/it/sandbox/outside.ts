/** What lies around the sandbox while attempts are made, and what an attempt has changed of it. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import type { Targets } from "./kit.ts";

/** Entries of a cache directory that come and go by the host's own doing. */
const HOSTS_OWN = /^(worker-dir-|kiln|0x[0-9a-f]{128}\.pvf$)/;

/** A worker that attempts must not reach. */
export interface Neighbour {
  readonly directory: string;
  readonly pid: number;
}

/** Files and servers in and around a host's cache directory. */
export class Outside implements AsyncDisposable {
  /** What nobody may get to know. */
  readonly secret = `kiln-secret-${crypto.randomUUID()}`;
  readonly #abstractName = `kiln-${crypto.randomUUID()}`;
  readonly #cachePath: string;
  readonly #neighbour: Neighbour;
  readonly #http: Deno.HttpServer<Deno.NetAddr>;
  readonly #tcp: Server;
  readonly #unix: Server;
  readonly #abstract: Server;
  readonly #udp: Socket;
  readonly #visits = new Map<string, number>();
  #modified = 0;

  private constructor(cachePath: string, neighbour: Neighbour) {
    this.#cachePath = cachePath;
    this.#neighbour = neighbour;
    this.#tcp = this.#counting("tcp");
    this.#unix = this.#counting("unix");
    this.#abstract = this.#counting("abstract");
    this.#udp = createSocket("udp4").on("message", () => this.#visit("udp"));
    this.#http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => this.#serve(request));
  }

  /** Sets everything up in the host's cache directory, which is where the workers' directories are. */
  static async open(cachePath: string, neighbour: Neighbour): Promise<Outside> {
    const outside = new Outside(cachePath, neighbour);
    outside.#restore();
    outside.#tcp.listen(0, "127.0.0.1");
    outside.#unix.listen(outside.#path("socket"));
    outside.#abstract.listen(`\0${outside.#abstractName}`);
    outside.#udp.bind(0, "127.0.0.1");
    const servers = [outside.#tcp, outside.#unix, outside.#abstract, outside.#udp];
    await Promise.all(servers.map((server) => once(server, "listening")));
    return outside;
  }

  get targets(): Targets {
    return {
      outside: this.#path("secret"),
      proof: this.#path("proof"),
      neighbour: this.#neighbour.directory,
      neighbourPid: this.#neighbour.pid,
      hostPid: Deno.pid,
      tcp: (this.#tcp.address() as { port: number }).port,
      udp: this.#udp.address().port,
      http: this.#http.addr.port,
      unix: this.#path("socket"),
      abstract: this.#abstractName,
    };
  }

  /** What is not as it was, as sentences; then it is as it was again. */
  changes(): string[] {
    const found = [...this.#visitors(), ...this.#strangers(), ...this.#secretChanges(), ...this.#neighbourChanges()];
    if (found.length > 0) this.#restore();
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.shutdown();
    for (const server of [this.#tcp, this.#unix, this.#abstract, this.#udp]) {
      await new Promise<void>((closed) => server.close(() => closed()));
    }
  }

  #path(name: string): string {
    return `${this.#cachePath}/${name}`;
  }

  #counting(name: "tcp" | "unix" | "abstract"): Server {
    return createServer((socket) => {
      this.#visit(name);
      socket.on("error", () => {}).destroy();
    });
  }

  #serve(request: Request): Response {
    this.#visit("http");
    if (request.headers.get("upgrade") === "websocket") return Deno.upgradeWebSocket(request).response;
    const type = new URL(request.url).pathname === "/events" ? "text/event-stream" : "text/javascript";
    return new Response("export {};", { headers: { "content-type": type } });
  }

  #visit(server: string): void {
    this.#visits.set(server, (this.#visits.get(server) ?? 0) + 1);
  }

  #visitors(): string[] {
    const visits = Array.from(this.#visits, ([server, count]) => `${count} came to the ${server} server`);
    this.#visits.clear();
    return visits;
  }

  /** What is new in the cache directory, which is deleted. */
  #strangers(): string[] {
    const expected = new Set(["secret", "socket"]);
    const names = Array.from(Deno.readDirSync(this.#cachePath), ({ name }) => name);
    const strangers = names.filter((name) => !expected.has(name) && !HOSTS_OWN.test(name));
    for (const name of strangers) Deno.removeSync(this.#path(name), { recursive: true });
    return strangers.map((name) => `there is a new "${name}" in the cache directory`);
  }

  #secretChanges(): string[] {
    try {
      const { mode, mtime } = Deno.statSync(this.#path("secret"));
      const content = Deno.readTextFileSync(this.#path("secret"));
      if (content !== this.#content) return ["the file outside has another content"];
      if (mode === null || (mode & 0o777) !== 0o600) return ["the file outside has another mode"];
      return mtime?.getTime() === this.#modified ? [] : ["the file outside has another time"];
    } catch (error) {
      return [`the file outside cannot be read any more (${error})`];
    }
  }

  #neighbourChanges(): string[] {
    try {
      const names = Array.from(Deno.readDirSync(this.#neighbour.directory), ({ name }) => name);
      const isKept = names.join() === "kept" && Deno.readTextFileSync(`${this.#neighbour.directory}/kept`) === "kept";
      if (isKept) return [];
      for (const name of names) Deno.removeSync(`${this.#neighbour.directory}/${name}`, { recursive: true });
      return [`the neighbour's directory has ${JSON.stringify(names)} in it`];
    } catch (error) {
      return [`the neighbour's directory cannot be read any more (${error})`];
    }
  }

  get #content(): string {
    return JSON.stringify(this.secret);
  }

  #restore(): void {
    const path = this.#path("secret");
    Deno.writeTextFileSync(path, this.#content);
    Deno.chmodSync(path, 0o600);
    this.#modified = Math.floor(Date.now() / 1000) * 1000 - 10_000;
    Deno.utimeSync(path, this.#modified / 1000, this.#modified / 1000);
    Deno.mkdirSync(this.#neighbour.directory, { recursive: true });
    Deno.writeTextFileSync(`${this.#neighbour.directory}/kept`, "kept");
  }
}
