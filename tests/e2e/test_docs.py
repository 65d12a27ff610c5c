# SPDX-License-Identifier: MIT
"""The guides are true: every command that they show is run, and prints what stands behind it (pages.py says how)."""

import glob
import os
import re

import pytest

from pages import TOP, Page, Reader, is_like


@pytest.fixture
def reader(make_cetld, database, folder):
    """reader(config=…): one who sits before a running daemon."""
    def start(config="", **options):
        return Reader(make_cetld(database.url(), config, **options).start(), database, folder)

    return start


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/configuration.md", "docs/migrating.md", "docs/security.md", "docs/troubleshooting.md"])
def test_page(reader, page):
    reader().follow(Page(page))


def texts_of_the_program():
    """Every text in the sources, pieces that stand behind each other joined, with … for what is filled in."""
    literal = r'"(?:[^"\\\n]|\\.)*"'
    found = []
    for path in glob.glob(os.path.join(TOP, "daemon/**/*.[ch]"), recursive=True) + glob.glob(os.path.join(TOP, "cli/*.[ch]")):
        with open(path, encoding="utf-8") as f:
            for match in re.finditer(r"%s(?:\s*(?:[A-Z]\w*\s*)?%s)*" % (literal, literal), f.read()):
                text = re.sub(r'"\s*[A-Z]\w*\s*"', "…", match.group(0))
                text = re.sub(r'"\s*"', "", text)[1:-1].replace('\\"', '"')
                found.append(re.sub(r"%[-+ #0-9.*]*(?:ll|z|h)?[a-zA-Z]", "…", text))
    return found


def test_messages_of_troubleshooting_are_the_programs():
    texts = texts_of_the_program()
    messages = re.findall(r"^`([^`]+)`\n>", Page("docs/troubleshooting.md").text, re.M)
    assert len(messages) > 30
    for message in messages:
        for piece in message.split("…"):
            piece = piece.strip(" ,;:()")
            assert len(piece) < 4 or any(piece in text for text in texts), "docs/troubleshooting.md: no part of the program says %r" % piece


@pytest.mark.parametrize("shown,printed,like", [("a\n…\nc", "a\nb\nc", True), ("a…", "abc", True), ("a", "ab", False), ("a.c", "abc", False), ("…", "", True)])
def test_dots_stand_for_anything(shown, printed, like):
    assert is_like(shown, printed) == like
