"""How a notebook reads: rhythm of prose and code, and how long it takes."""

import re
import statistics


def rhythm(notebook):
    """Return how a lesson reads, {what: number}.

    Minutes: 200 words, or 10 lines of code that the page does not fold, each.
    Words a code line, lines of its cells, cells in a row. The lesson ends at
    "Check yourself". Left out of the code are the cells that only open a
    notebook: setup, parameters, and the one that begins with its imports.
    Blank lines and comments are no code; fenced code and addresses no prose.
    """
    words, shown, lines, row, longest = 0, 0, [], 0, 0
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        opens = {"setup", "parameters"} & tags
        if cell.cell_type == "markdown":
            prose, *after = cell.source.split("## Check yourself")
            prose = re.sub(r"```.*?```|\]\([^)]*\)", " ", prose, flags=re.S)
            words += sum(bool(re.search(r"\w", w)) for w in prose.split())
            row = 0
            if after:
                break
        elif not opens and not cell.source.startswith("import "):
            found = re.findall(r"^\s*[^\s#].*$", cell.source, re.M)
            lines, row = [*lines, len(found)], row + 1
            shown += 0 if "hide-input" in tags else len(found)
            longest = max(longest, row)
    return {
        "minutes": words / 200 + shown / 10,
        "words per code line": words / sum(lines),
        "median cell": statistics.median(lines),
        "largest cell": max(lines),
        "cells in a row": longest,
    }
