"""The built pages in a real browser, as a reader meets them."""


def test_the_start_page_loads_without_a_word_of_complaint(tab, home):
    seen = tab()
    seen.page.goto(home + "index.html")
    assert "Breast ultrasound" in seen.page.title()
    assert seen.errors == [] and seen.foreign == []
