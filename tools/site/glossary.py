"""Link the first use of each glossary word on a page.

`tools.site.build` sets the links, which work on these pages only, as Sphinx'
`term` role: it fails on a word that the glossary lacks.
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
    blocks = re.findall(r"(?ms)^```\{glossary\}\n(.*?)^```", text)
    lines = "".join(blocks).splitlines()
    return [line for line in lines if line and not line.startswith(" ")]


def linker(explained):
    """Return a function that links, in one text after another, first uses."""
    seen = set()
    linked = {word.lower(): word for word in explained if word not in EVERYDAY}
    longest = sorted(linked, key=len, reverse=True)
    named = "|".join(re.escape(w).replace(r"\ ", r"\s+") for w in longest)
    pattern = rf"(?ims)({KEPT})|(?<![\w-])({named})((?:e?s)?)(?![\w-])"

    def link(match):
        kept, word, plural = match.groups()
        if kept:
            return kept
        said = " ".join(word.split())
        if said.lower() in seen:
            return match[0]
        seen.add(said.lower())
        return f"{{term}}`{said}{plural} <{linked[said.lower()]}>`"

    return lambda text: re.sub(pattern, link, text)
