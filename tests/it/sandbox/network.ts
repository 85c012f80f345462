/** Attempts to reach a server, to be one, and to have a name resolved. */
import { absent, all, type Group, harmless, REFUSED, refused } from "./attempt.ts";

const SITE = `"http://127.0.0.1:" + t.http + "/"`;

export const network: Group = {
  name: "network",
  attempts: {
    ...all(REFUSED.net, {
      "fetch": `await (await fetch(${SITE})).text()`,
      "fetch with a body": `await (await fetch(${SITE}, { method: "POST", body: "secret" })).text()`,
      "fetch over TLS": `await fetch("https://127.0.0.1:" + t.tcp)`,
      "fetch of localhost": `await (await fetch("http://localhost:" + t.http)).text()`,
      "fetch by the machine's other address": `await (await fetch("http://[::ffff:127.0.0.1]:" + t.http)).text()`,
      "fetch of the address as a number": `await (await fetch("http://2130706433:" + t.http)).text()`,
      "fetch of a Request": `await (await fetch(new Request(${SITE}))).text()`,
      "fetch with a client": `await (await fetch(${SITE}, { client: Deno.createHttpClient({}) })).text()`,
      "fetch through a proxy":
        `await fetch("http://kiln.invalid/", { client: Deno.createHttpClient({ proxy: { url: ${SITE} } }) })`,
      "fetch in a thread": `return await inThread("return (await fetch(" + JSON.stringify(${SITE}) + ")).status")`,
      "WebSocket": `
        const socket = new WebSocket("ws://127.0.0.1:" + t.http);
        await once(socket, "open");
        socket.close();
        await once(socket, "close");`,
      "WebSocket over TLS": `await once(new WebSocket("wss://127.0.0.1:" + t.tcp), "open")`,
      "connect by TCP": `(await Deno.connect({ port: t.tcp })).close()`,
      "connect by TCP to localhost": `(await Deno.connect({ hostname: "localhost", port: t.tcp })).close()`,
      "connect by TCP over IPv6": `(await Deno.connect({ hostname: "::1", port: t.tcp })).close()`,
      "connect by TCP to where nobody listens": `(await Deno.connect({ hostname: "127.0.0.1", port: 1 })).close()`,
      "connect by TLS": `(await Deno.connectTls({ hostname: "127.0.0.1", port: t.tcp })).close()`,
      "listen": `Deno.listen({ port: 0 }).close()`,
      "listen on loopback": `Deno.listen({ hostname: "127.0.0.1", port: 0 }).close()`,
      "serve": `await Deno.serve({ port: 0, onListen: () => {} }, () => new Response()).shutdown()`,
      "resolve a name": `await Deno.resolveDns("localhost", "A", { nameServer: { ipAddr: "127.0.0.1", port: t.udp } })`,
      "node: net.connect": `(await new Promise((ok, no) => {
        const socket = node("net").connect(t.tcp, "127.0.0.1").on("error", no).on("connect", () => ok(socket));
      })).destroy()`,
      "node: net.Server": `await once(node("net").createServer().listen(0), "listening")`,
      "node: tls.connect": `await once(node("tls").connect(t.tcp, "127.0.0.1"), "secureConnect")`,
      "node: http.get": `(await once(node("http").get(${SITE}), "response")).resume()`,
      "node: http.request": `
        const request = node("http").request(${SITE}, { method: "POST" });
        const response = once(request, "response");
        request.end("secret");
        (await response).resume();`,
      "node: https.get": `await once(node("https").get("https://127.0.0.1:" + t.tcp), "response")`,
      "node: http2.connect": `
        const session = node("http2").connect("http://127.0.0.1:" + t.tcp);
        await once(session, "connect");
        session.destroy();`,
      "node: http.Server": `await once(node("http").createServer().listen(0), "listening")`,
      "node: dgram.bind": `
        const socket = node("dgram").createSocket("udp4");
        const bound = once(socket, "listening");
        socket.bind(0);
        await bound;
        socket.close();`,
      "node: dgram.send": `
        const socket = node("dgram").createSocket("udp4");
        await new Promise((ok, no) => socket.on("error", no).send("secret", t.udp, "127.0.0.1", (e) => e ? no(e) : ok()));
        socket.close();`,
      "node: dgram.connect": `
        const socket = node("dgram").createSocket("udp4");
        await new Promise((ok, no) => socket.on("error", no).connect(t.udp, "127.0.0.1", (e) => e ? no(e) : ok()));
        socket.close();`,
    }),
    ...all(REFUSED.read, {
      "fetch through a proxy on a unix socket": `await fetch("http://kiln.invalid/", {
        client: Deno.createHttpClient({ proxy: { transport: "unix", path: t.unix } }),
      })`,
    }),
    ...refused("no net permission, for which it gives no reason", /^Error: error event$/, {
      "EventSource": `
        const source = new EventSource(${SITE} + "events");
        await once(source, "open");
        source.close();`,
    }),
    ...refused("no net permission, which Node's programs know as EPERM", /getaddrinfo EPERM|getnameinfo EPERM/, {
      "node: net.connect to localhost": `(await new Promise((ok, no) => {
        const socket = node("net").connect(t.tcp, "localhost").on("error", no).on("connect", () => ok(socket));
      })).destroy()`,
      "node: dns.lookup": `await node("dns").promises.lookup("localhost")`,
      "node: dns.lookup with a callback":
        `await new Promise((ok, no) => node("dns").lookup("localhost", (e, address) => e ? no(e) : ok(address)))`,
      "node: dns.lookupService": `await node("dns").promises.lookupService("127.0.0.1", 80)`,
    }),
    ...all(REFUSED.sys, {
      "node: dns.resolve4": `
        const resolver = new (node("dns").promises.Resolver)({ timeout: 100, tries: 1 });
        resolver.setServers(["127.0.0.1:" + t.udp]);
        await resolver.resolve4("kiln.invalid")`,
      "node: inspector": `
        const inspector = node("inspector");
        inspector.open(0);
        inspector.close();`,
    }),
    ...absent({
      "connectQuic": `await present(Deno.connectQuic, "Deno.connectQuic")({ hostname: "127.0.0.1", port: t.udp })`,
      "QuicEndpoint": `new (present(Deno.QuicEndpoint, "Deno.QuicEndpoint"))()`,
      "WebTransport": `new (present(globalThis.WebTransport, "WebTransport"))("https://127.0.0.1:" + t.udp)`,
      "WebSocketStream": `new (present(globalThis.WebSocketStream, "WebSocketStream"))("ws://127.0.0.1:" + t.tcp)`,
      "listenDatagram": `present(Deno.listenDatagram, "Deno.listenDatagram")({ transport: "udp", port: 0 })`,
      "sendBeacon": `present(navigator.sendBeacon, "navigator.sendBeacon").call(navigator, ${SITE}, "secret")`,
      "XMLHttpRequest": `new (present(globalThis.XMLHttpRequest, "XMLHttpRequest"))()`,
      "RTCPeerConnection": `new (present(globalThis.RTCPeerConnection, "RTCPeerConnection"))()`,
      "node: QUIC": `present(node("quic"), "node:quic")`,
    }),
    ...refused("there being no tunnel", /^Error: Tunnel is not open$/, {
      "listen on a tunnel": `Deno.listen({ transport: "tunnel" })`,
    }),
    ...harmless("the answer is made of the request's own bytes", /^own$/, {
      "fetch of a data URL": `return await (await fetch("data:,own")).text()`,
      "fetch of a blob URL": `return await (await fetch(URL.createObjectURL(new Blob(["own"])))).text()`,
    }),
  },
};
