"""The built pages in a real browser, as a reader meets them."""

import importlib.resources
import json
import re
from urllib.parse import urldefrag

import pytest

from tools.site.browser import Tab

PHONE = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True}
MOST_BYTES = 2_000_000
SIZES = """() => performance.getEntriesByType('resource')
  .concat(performance.getEntriesByType('navigation'))
  .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
# visible words only: code may hold what looks like an unset formula
WORDS = """() => ['p', 'li', 'td'].flatMap(
    tag => [...document.querySelectorAll(`article ${tag}`)])
  .filter(e => !e.querySelector('code')).map(e => e.innerText).join('\\n')"""
FORMULAS = """() => [...document.querySelectorAll('math')].map(e => {
  const { width, height } = e.getBoundingClientRect();
  return Math.min(width, height); })"""
SEARCH = ".search-button:visible, .search-button-field:visible"


@pytest.fixture(scope="module")
def pages(site):
    """The pages' addresses within the site, the start page first."""
    paths = (path.relative_to(site) for path in site.rglob("*.html"))
    # without the parts of the theme
    names = [p.as_posix() for p in paths if p.parts[0] != "_static"]
    return sorted(names, key=lambda page: (page != "index.html", page))


@pytest.fixture(scope="module")
def notebook(pages):
    """The address of the first notebook's page within the site."""
    return next(page for page in pages if page.startswith("notebooks/"))


@pytest.fixture
def opened(tab, home):
    """A function that opens one page, Playwright's Page."""

    def open_page(name, **options):
        page = tab(**options).page
        page.goto(home + name)
        return page

    return open_page


@pytest.fixture
def faults(opened, home, pages):
    """A function: {page: what `look(page)` finds there}, where it does."""

    def find(look, **options):
        seen, found = opened(pages[0], **options), {}
        for name in pages:
            seen.goto(home + name)
            found[name] = look(seen)
        return {name: fault for name, fault in found.items() if fault}

    return find


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_every_page_loads_without_error_and_asks_no_other_host(
    browser, home, site, pages, scheme
):
    at = home if scheme == "http" else f"{site.as_uri()}/"
    seen = Tab(browser, at)
    for page in pages:
        seen.page.goto(at + page)
    assert len(pages) > 10 and seen.errors == [] and seen.foreign == []
    seen.page.goto(f"{at}search.html?q=Dice")
    seen.page.wait_for_selector("#search-results li a")
    seen.context.close()


def test_no_page_is_heavy(tab, home, pages):
    for page in pages:
        seen = tab()  # nothing cached
        seen.page.goto(home + page)
        assert seen.page.evaluate(SIZES) < MOST_BYTES, page
        seen.context.close()


def test_formulas_are_set(faults):
    sizes = []

    def unset(page):
        sizes.extend(page.evaluate(FORMULAS))
        raw = r"\$[^$\n]+\$|\\(?:frac|sum|cdot)"
        return re.findall(raw, page.evaluate(WORDS))

    assert faults(unset) == {}
    assert len(sizes) > 5 and min(sizes) > 3


def test_search_finds_dice_and_opens_the_hit(opened):
    page = opened("index.html")
    page.locator(SEARCH).first.click()
    page.keyboard.type("Dice")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.click()
    page.wait_for_load_state()
    assert "search.html" not in page.url
    assert "dice" in page.locator("main").inner_text().lower()


def test_the_dark_switch_works_and_is_remembered(opened, home, notebook):
    def luminance():
        """The mean of the background's red, green and blue, from 0 to 1."""
        style = "() => getComputedStyle(document.body).backgroundColor"
        colour = re.findall(r"\d+", page.evaluate(style))[:3]
        return sum(map(int, colour)) / 3 / 255

    page = opened("index.html", color_scheme="light")
    assert luminance() > 0.8
    page.locator(".theme-switch-button:visible").click()
    page.locator(".theme-change-button[data-mode=dark]:visible").click()
    assert luminance() < 0.2
    page.goto(home + notebook)
    assert luminance() < 0.2


def test_no_page_scrolls_sideways_on_a_phone(faults):
    wide = "() => document.scrollingElement.scrollWidth - innerWidth"
    assert faults(lambda page: max(0, page.evaluate(wide)), **PHONE) == {}


def test_internal_links_lead_somewhere(tab, home, pages):
    seen, ids, links = tab(), {}, set()
    for page in pages:
        seen.page.goto(home + page)
        every = seen.page.eval_on_selector_all
        ids[home + page] = set(every("[id]", "all => all.map(e => e.id)"))
        links |= set(every("a[href]", "all => all.map(a => a.href)"))
    own = {urldefrag(link) for link in links if link.startswith(home)}
    assert len(own) > 50
    for url, fragment in own:
        if url in ids:
            assert not fragment or fragment in ids[url], f"{url}#{fragment}"
        else:
            assert seen.context.request.get(url).ok, url


def test_pictures_are_there_and_say_what_they_show(faults):
    broken = """() => [...document.images].filter(
      i => !i.naturalWidth || !i.alt.trim() ||
        (i.closest('.cell_output') && i.alt.length < 20)).map(i => i.src)"""
    assert faults(lambda page: page.evaluate(broken)) == {}


# colours are all that the dark pages differ in
@pytest.mark.parametrize(
    ("colours", "rules"),
    [("light", {}), ("dark", {"runOnly": ["color-contrast"]})],
)
def test_axe_finds_no_serious_barrier(faults, colours, rules):
    folder = importlib.resources.files("axe_playwright_python")
    axe = (folder / "axe.min.js").read_text()
    options = {"resultTypes": ["violations"], **rules}

    def barriers(page):
        page.evaluate(axe)
        found = page.evaluate("rules => axe.run(document, rules)", options)
        severe = ("serious", "critical")
        listed = [v for v in found["violations"] if v["impact"] in severe]
        return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in listed]

    assert faults(barriers, color_scheme=colours) == {}


def test_the_keyboard_reaches_the_text_first(opened, notebook):
    page = opened(notebook)
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.textContent.trim()")
    assert "main content" in skip
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main-content"
    for landmark in ("main", "nav", "header, [role=banner]"):
        assert page.locator(landmark).count() > 0, landmark


def test_folded_code_opens_with_the_keyboard(opened, notebook):
    page = opened(notebook)
    code = page.locator("details.hide pre").first
    assert not code.is_visible()
    page.locator("details.hide summary").first.focus()
    page.keyboard.press("Enter")
    code.wait_for(state="visible")


@pytest.fixture
def sliding(opened, pages):
    """A function: notebook 3's sliding filter, (Playwright's Page, its root).

    The page stays at what the reader's settings allow.
    """
    (name,) = (page for page in pages if "/03_" in page)

    def open_sliding(**options):
        page = opened(name, **options)
        return page, page.locator(".sliding-filter")

    return open_sliding


def state(root):
    """Return (place, sum shown, sum computed) of the sliding filter."""
    numbers = json.loads(root.get_attribute("data-numbers"))
    at = int(root.locator("input").input_value())
    responses = [value for row in numbers["responses"] for value in row]
    shown = root.locator(".sum").inner_text().replace("\u2212", "-")
    return at, float(shown), responses[at]


def window(root):
    """Return the left and top edge of the window, in pixels of the patch."""
    shape = root.locator(".window")
    return [round(float(shape.get_attribute(side))) for side in "xy"]


@pytest.mark.parametrize("options", [{}, PHONE], ids=["wide", "phone"])
def test_a_step_moves_the_window_and_shows_the_right_sum(sliding, options):
    _, root = sliding(**options)
    columns = len(json.loads(root.get_attribute("data-numbers"))["responses"])
    assert state(root)[0] == 0 and window(root) == [0, 0]
    for at in range(1, columns + 2):
        root.get_by_role("button", name="Step").click()
        place, shown, computed = state(root)
        assert place == at and shown == pytest.approx(computed, abs=0.01)
        assert window(root) == [at % columns, at // columns]
    products = root.locator(".products b").all_inner_texts()
    values = [float(text.replace("\u2212", "-")) for text in products]
    assert sum(values) == pytest.approx(shown, abs=0.1)
    root.get_by_role("button", name="Restart").click()
    assert state(root)[0] == 0


def test_the_filter_slides_by_keyboard_and_by_dragging(sliding):
    page, root = sliding()
    root.locator("input").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    assert window(root) == [1, 1]
    root.get_by_role("button", name="Step").focus()
    page.keyboard.press("Enter")
    assert window(root) == [2, 1]
    box = root.locator(".patch").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 5)
    page.mouse.up()
    x, y = window(root)
    assert x > 2 and y == 0 and state(root)[0] == x


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_before_play_and_pause_stops_it(sliding, motion):
    page, root = sliding(reduced_motion=motion)
    root.scroll_into_view_if_needed()
    page.wait_for_timeout(700)
    assert state(root)[0] == 0
    root.get_by_role("button", name="Play").click()
    slider = "document.querySelector('.sliding-filter input')"
    page.wait_for_function(f"{slider}.value > 2")
    root.get_by_role("button", name="Pause").click()
    at = state(root)[0]
    page.wait_for_timeout(700)
    assert state(root)[0] == at
    glides = "e => getComputedStyle(e).transitionDuration"
    glides = root.locator(".window").evaluate(glides)
    assert (glides == "0s") == (motion == "reduce")


def test_what_is_pressed_on_the_sliding_filter_is_large_enough(sliding):
    _, root = sliding(**PHONE)
    for part in root.locator("button, input").all():
        box = part.bounding_box()
        assert min(box["width"], box["height"]) >= 24


def test_print_is_light_and_without_what_only_a_screen_needs(opened, notebook):
    page = opened(notebook, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    sidebars = [".bd-sidebar-primary", ".bd-sidebar-secondary"]
    for gone in [*sidebars, ".prev-next-area"]:
        assert not page.locator(gone).first.is_visible(), gone
    assert page.locator("main h1:visible").count() == 1
    # of simulated images
    for banner in page.locator(".bd-header-announcement").all():
        assert banner.is_visible()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_the_first_use_of_a_word_leads_to_the_glossary(opened, notebook):
    page = opened(notebook)
    page.locator("a[href*='glossary.html#term-Dice']").first.click()
    page.wait_for_load_state()
    assert page.url.endswith("glossary.html#term-Dice")
    assert page.locator("#term-Dice").is_visible()
