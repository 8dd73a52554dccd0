"""The built pages in a real browser, as a reader meets them. Skipped without one."""

import importlib.resources
import re
from urllib.parse import urldefrag

import pytest
from browser import Tab

PHONE = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True}
MOST_BYTES = 2_000_000
LINKS = "all => all.map(a => a.href)"
SIZES = """() => performance.getEntriesByType('resource')
  .concat(performance.getEntriesByType('navigation'))
  .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
# visible words only: code may hold what looks like an unset formula
WORDS = """() => [...document.querySelectorAll('article p, article li, article td')]
  .filter(e => !e.querySelector('code')).map(e => e.innerText).join('\\n')"""


@pytest.fixture(scope="module")
def pages(site):
    """The addresses of all pages, relative to the site, the start page first."""
    paths = (
        path.relative_to(site).as_posix() for path in site.rglob("*.html")
    )
    found = [
        path for path in paths if not path.startswith("_static")
    ]  # parts of the theme
    return sorted(found, key=lambda page: (page != "index.html", page))


def notebooks(pages):
    return [page for page in pages if page.startswith("notebooks/")]


def faults(tab, home, pages, look):
    """Return {page: what `look(page)` found there} for pages where it found something."""
    found = {}
    for page in pages:
        tab.page.goto(home + page)
        fault = look(tab.page)
        if fault:
            found[page] = fault
    return found


def test_every_page_loads_without_error_and_asks_no_other_host(
    tab, home, pages
):
    seen = tab()
    for page in pages:
        seen.page.goto(home + page)
    assert len(pages) > 10 and seen.errors == [] and seen.foreign == []


def test_pages_work_from_the_file_system(browser, site, pages):
    seen = Tab(browser, site.as_uri())
    for page in pages:
        seen.page.goto(f"{site.as_uri()}/{page}")
    assert seen.errors == [] and seen.foreign == []
    seen.page.goto(f"{site.as_uri()}/search.html?q=Dice")
    seen.page.wait_for_selector("#search-results li a")
    seen.context.close()


def test_no_page_is_heavy(tab, home, pages):
    for page in pages:
        seen = tab()  # nothing cached
        seen.page.goto(home + page)
        assert seen.page.evaluate(SIZES) < MOST_BYTES, page
        seen.context.close()


def test_formulas_are_set(tab, home, pages):
    seen = tab()
    n = 0
    for page in pages:
        seen.page.goto(home + page)
        for formula in seen.page.query_selector_all("math"):
            box = formula.bounding_box()
            assert box["width"] > 3 and box["height"] > 3, page
            n += 1
        raw = re.findall(
            r"\$[^$\n]+\$|\\(?:frac|sum|cdot)", seen.page.evaluate(WORDS)
        )
        assert raw == [], page
    assert n > 5


def test_search_finds_dice_and_opens_the_hit(tab, home):
    page = tab().page
    page.goto(home + "index.html")
    page.locator(
        ".search-button:visible, .search-button-field:visible"
    ).first.click()
    page.keyboard.type("Dice")
    page.keyboard.press("Enter")
    hit = page.locator("#search-results li a").first
    hit.wait_for()
    hit.click()
    page.wait_for_load_state()
    assert "search.html" not in page.url
    assert "dice" in page.locator("main").inner_text().lower()


def test_the_dark_switch_works_and_is_remembered(tab, home, pages):
    page = tab(color_scheme="light").page
    page.goto(home + "index.html")
    brightness = "() => getComputedStyle(document.body).backgroundColor"
    assert luminance(page.evaluate(brightness)) > 0.8
    page.locator(".theme-switch-button:visible").click()
    page.locator(".theme-change-button[data-mode=dark]:visible").click()
    assert luminance(page.evaluate(brightness)) < 0.2
    page.goto(home + notebooks(pages)[0])
    assert luminance(page.evaluate(brightness)) < 0.2


def luminance(colour):
    """Return the mean of a CSS colour's red, green and blue, from 0 to 1."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 / 255


def test_no_page_scrolls_sideways_on_a_phone(tab, home, pages):
    wide = "() => document.scrollingElement.scrollWidth - innerWidth"
    too_wide = faults(
        tab(**PHONE), home, pages, lambda p: max(0, p.evaluate(wide))
    )
    assert too_wide == {}


def test_internal_links_lead_somewhere(tab, home, pages):
    seen, ids, links = tab(), {}, set()
    for page in pages:
        seen.page.goto(home + page)
        ids[home + page] = set(
            seen.page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
        )
        links |= set(seen.page.eval_on_selector_all("a[href]", LINKS))
    own = {urldefrag(link) for link in links if link.startswith(home)}
    assert len(own) > 50
    for url, fragment in own:
        if url in ids:
            assert not fragment or fragment in ids[url], f"{url}#{fragment}"
        else:
            answer = seen.context.request.get(url)
            assert answer.ok, f"{url} answers {answer.status}"


def test_pictures_are_there_and_say_what_they_show(tab, home, pages):
    look = """() => [...document.images].filter(
      i => !i.naturalWidth || !(i.alt || '').trim()).map(i => i.src)"""
    assert faults(tab(), home, pages, lambda p: p.evaluate(look)) == {}
    figures = "() => [...document.querySelectorAll('.cell_output img')].map(i => i.alt)"
    short = faults(
        tab(),
        home,
        pages,
        lambda p: [a for a in p.evaluate(figures) if len(a) < 20],
    )
    assert short == {}


# colours are all that the dark pages differ in
@pytest.mark.parametrize(
    ("colours", "rules"),
    [("light", {}), ("dark", {"runOnly": ["color-contrast"]})],
)
def test_axe_finds_no_serious_barrier(tab, home, pages, colours, rules):
    folder = importlib.resources.files("axe_playwright_python")
    axe = (folder / "axe.min.js").read_text()
    options = {"resultTypes": ["violations"], **rules}

    def barriers(page):
        page.evaluate(axe)
        found = page.evaluate("rules => axe.run(document, rules)", options)
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:120]} ({len(one['nodes'])} times)"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    assert faults(tab(color_scheme=colours), home, pages, barriers) == {}


def test_the_keyboard_reaches_the_text_first_and_then_the_search(
    tab, home, pages
):
    page = tab().page
    page.goto(home + notebooks(pages)[0])
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.textContent.trim()")
    assert "main content" in skip
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"
    for landmark in ("main", "nav", "header, [role=banner]"):
        assert page.locator(landmark).count() > 0, landmark


def test_folded_code_opens_with_the_keyboard(tab, home, pages):
    page = tab().page
    page.goto(home + notebooks(pages)[0])
    fold = page.locator("details.hide summary").first
    code = page.locator("details.hide pre").first
    assert not code.is_visible()
    fold.focus()
    page.keyboard.press("Enter")
    code.wait_for(state="visible")


def test_print_is_light_and_leaves_out_what_only_a_screen_needs(
    tab, home, pages
):
    page = tab(color_scheme="dark").page
    page.goto(home + notebooks(pages)[0])
    page.emulate_media(media="print", color_scheme="dark")
    for gone in (
        ".bd-sidebar-primary",
        ".bd-sidebar-secondary",
        ".prev-next-area",
    ):
        assert not page.locator(gone).first.is_visible(), gone
    assert page.locator("main h1:visible").count() == 1
    for banner in page.locator(
        ".bd-header-announcement"
    ).all():  # of simulated images
        assert banner.is_visible()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_the_first_use_of_a_word_leads_to_the_glossary(tab, home, pages):
    page = tab().page
    page.goto(home + notebooks(pages)[0])
    page.locator("a[href*='glossary.html#term-Dice']").first.click()
    page.wait_for_load_state()
    assert page.url.endswith("glossary.html#term-Dice")
    assert page.locator("#term-Dice").is_visible()
