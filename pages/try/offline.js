// A service worker: "Try it" also works without a connection, once its network
// has been loaded. Where there is a server, what it has comes first.

const KEPT = "try-it";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("message", (event) => event.waitUntil(keep(event.data)));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(respond(event.request));
});

/** Keep these addresses, and nothing else, as the browser has just seen them. */
async function keep(addresses) {
  await caches.delete(KEPT);
  const kept = await caches.open(KEPT);
  const one = async (url) => {
    const found = await fetch(url, { cache: "force-cache" });
    if (found.ok) await kept.put(url, found); // a browser asks for icons, too
  };
  await Promise.all(addresses.map(one));
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
