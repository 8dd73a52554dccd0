// A service worker: "Try it" also works without a connection, once its network
// has been loaded. Where there is a server, what it has comes first.

const KEPT = "try-it";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("message", (event) => event.waitUntil(keep(event.data)));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(respond(event.request));
});

/** Keep these addresses, and nothing else, as the browser has just seen them.
 *
 * Without a connection the first line fails, and what is kept stays.
 */
async function keep(addresses) {
  const found = await Promise.all(
    addresses.map((url) => fetch(url, { cache: "force-cache" })),
  );
  const kept = await caches.open(KEPT);
  const whole = found.filter(({ ok }) => ok); // a browser asks for icons, too
  await Promise.all(whole.map((one) => kept.put(one.url, one)));
  const current = new Set(whole.map(({ url }) => url));
  const old = (await kept.keys()).filter(({ url }) => !current.has(url));
  await Promise.all(old.map((request) => kept.delete(request)));
}

async function respond(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { cacheName: KEPT });
    if (kept) return kept;
    throw error;
  }
}
