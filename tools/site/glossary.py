"""Link the first use of each glossary word on a page.

The notebooks stay free of links that work on these pages only:
`tools.site.build` sets them, as Sphinx' `term` role, which fails on a word
that the glossary lacks.
"""

import re

# where a link would break the text, or stand inside of another one
KEPT = (
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)"
    r"|https?://\S+|<summary>.*?</summary>|<[^>]+>"
    r"|^\#\#\ References.*|^\#[^\n]*"
)
# everyday words, which the notebooks also use in their everyday sense
EVERYDAY = {"class", "group", "shape"}


def words(text):
    """Return the words that a glossary page, Markdown, explains."""
    glossaries = r"^```\{glossary\}\n(.*?)^```"
    blocks = re.findall(glossaries, text, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).splitlines()
    return [line for line in lines if line and not line.startswith(" ")]


def linker(explained):
    """Return a function that links, in one text after another, first uses."""
    seen = set()
    linked = {word.lower(): word for word in explained if word not in EVERYDAY}
    longest_first = sorted(linked, key=len, reverse=True)
    spaced = [re.escape(w).replace(r"\ ", r"\s+") for w in longest_first]
    named = "|".join(spaced)
    pattern = rf"({KEPT})|(?<![\w-])({named})((?:e?s)?)(?![\w-])"

    def link(match):
        kept, word, plural = match.groups()
        if kept:
            return kept
        said = " ".join(word.split())
        if said.lower() in seen:
            return match[0]
        seen.add(said.lower())
        return f"{{term}}`{said}{plural} <{linked[said.lower()]}>`"

    flags = re.DOTALL | re.IGNORECASE | re.MULTILINE
    return lambda text: re.sub(pattern, link, text, flags=flags)
