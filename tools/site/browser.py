"""A real browser for tests and timing: Chromium by Playwright, and a server.

Playwright lies in .venv-browser (`make browser`). Where it or Chromium is
missing, the fixtures of conftest.py skip with the sentence of `missing`.
"""

import functools
import importlib.util
import os
import shutil
import site
import sys
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from helpers import files

PACKAGES = "lib/python{}.{}/site-packages".format(*sys.version_info)
site.addsitedir(files.ROOT / ".venv-browser" / PACKAGES)
NAMES = ("chromium", "chromium-browser")
NAMES += ("google-chrome", "google-chrome-stable")


def chromium():
    """Return the path of $CHROMIUM or of the system's browser, or None."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


def missing():
    """Return the sentence that says what is missing for a browser, or None."""
    if importlib.util.find_spec("playwright") is None:
        how = "`make browser` installs it into .venv-browser"
        return f"no Playwright here: {how}"
    if chromium() is None:
        how = "install it (Debian and Ubuntu: `sudo apt install chromium`)"
        other = "or name one with CHROMIUM=/path/to/chrome"
        return f"no Chromium here: {how} {other}"
    return None


@contextmanager
def started():
    """Give a headless Chromium, Playwright's Browser; end it afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium())
        try:
            yield browser
        finally:
            browser.close()


class Quiet(SimpleHTTPRequestHandler):
    """A request handler that keeps its log to itself."""

    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    """Serve a folder on this machine; give its address, http://..."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class Tab:
    """A page in a context of its own, which writes down what goes wrong in it.

    page: Playwright's Page; errors: console errors, exceptions and responses
    of 400 and up; foreign: addresses asked for that do not begin with `home`
    (they get no response).
    """

    def __init__(self, browser, home, width=1280, height=900, **options):
        viewport = {"width": width, "height": height}
        self.context = browser.new_context(viewport=viewport, **options)
        self.errors, self.foreign = [], []
        self.context.route(lambda url: not is_at(url, home), self.refuse)
        self.page = self.context.new_page()
        # milliseconds, for a busy machine
        self.page.set_default_timeout(20_000)
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self.check)

    def refuse(self, route):
        self.foreign.append(route.request.url)
        route.abort()

    def hear(self, message):
        if message.type == "error":
            url = message.location.get("url")
            self.errors.append(f"{message.text} ({url})")

    def check(self, response):
        if response.status >= 400:
            self.errors.append(f"{response.status} {response.url}")


def is_at(url, home):
    """Tell whether an address lies under `home`, or inside of the page."""
    return url.startswith((home, "data:", "blob:"))


if __name__ == "__main__":
    sys.exit(missing() or print("`make test` now looks at the pages, too."))
