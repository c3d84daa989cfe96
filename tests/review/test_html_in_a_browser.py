"""The HTML report in Chromium: it runs and loads nothing, and works with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.resource_graph import ResourceGraph
from review.report import html
from tests.harness.graphs import graph, kube
from tests.review import platform
from tests.review.test_html_report import ATTACKS, attacked
from tools.chromium import Page, browser_page, program
from tools.report_pictures import FOLDER, PICTURES, page_of

pytestmark = pytest.mark.slow
FORBIDDEN = "Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening"


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    if program() is None:
        pytest.skip("no Chromium here; get it with tools/browser")
    with browser_page() as page:
        yield page


def opened(page: Page, text: str, folder: Path, *, width: int = 1280, dark: bool = False) -> None:
    file = folder / "preview.html"
    file.write_text(text, encoding="utf-8")
    page.events.clear()
    page.open(file.as_uri(), width=width, dark=dark)


@pytest.mark.parametrize("text", ATTACKS)
def test_no_value_runs_or_loads_anything(browser: Page, text: str, tmp_path: Path):
    for report in attacked(text):
        opened(browser, report, tmp_path)
        browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
        asked = [one["params"]["request"]["url"] for one in browser.events
                 if one["method"] == "Network.requestWillBeSent"]  # fmt: skip
        assert [url for url in asked if not url.endswith("/preview.html")] == []
        assert [one for one in browser.events if one["method"] in FORBIDDEN] == []
        assert browser.value("document.scripts.length + document.images.length") == 0
        assert browser.value("document.querySelectorAll('iframe, object, embed').length") == 0


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", PICTURES)
def test_no_page_is_wider_than_the_window(browser: Page, name: str, width: int, tmp_path: Path):
    opened(browser, page_of(PICTURES[name]), tmp_path, width=width)
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.value("document.documentElement.scrollWidth") <= width
    small = browser.value(
        "[...document.querySelectorAll('main *')].filter(one => one.textContent.trim() &&"
        " parseFloat(getComputedStyle(one).fontSize) < 10).length"
    )
    assert small == 0


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_has_enough_contrast(browser: Page, dark: bool, tmp_path: Path):
    """The ratio of contrast that WCAG 2 asks of text, 4.5, for each colour of the style."""
    opened(browser, html.comparison(platform.comparison()), tmp_path, dark=dark)
    ratios = browser.value(CONTRAST)
    assert len(ratios) >= 10
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


def test_a_change_is_opened_and_closed_by_keys(browser: Page, tmp_path: Path):
    opened(browser, html.comparison(platform.comparison()), tmp_path)
    first = "document.querySelector('details.entry')"
    for _ in range(200):
        browser.press("Tab", 9)
        if browser.value(f"document.activeElement === {first}.querySelector('summary')"):
            break
    else:
        pytest.fail("the first change is not reached")
    browser.press("Enter", 13)
    assert browser.value(f"{first}.open") is True
    browser.press("Enter", 13)
    assert browser.value(f"{first}.open") is False


def test_a_risk_leads_to_its_change_and_opens_it(browser: Page, tmp_path: Path):
    opened(browser, html.comparison(platform.comparison()), tmp_path)
    browser.value("document.querySelector('.risks a').click()")
    assert browser.value("document.querySelector(':target').closest('details').open") is True


def test_the_checkboxes_hide_changes_by_action(browser: Page, tmp_path: Path):
    opened(browser, html.comparison(platform.comparison()), tmp_path)
    shown = "getComputedStyle(document.querySelector('.group.add')).display"
    assert browser.value(shown) == "block"
    browser.value("document.querySelector('#show-add').click()")
    assert browser.value(shown) == "none"


def test_printing_shows_what_is_closed_on_the_screen(browser: Page, tmp_path: Path):
    opened(browser, html.comparison(platform.comparison()), tmp_path)
    browser.call("Emulation.setEmulatedMedia", media="print")
    hidden = browser.value(
        "[...document.querySelectorAll('details.entry .body')]"
        ".filter(one => one.getBoundingClientRect().height === 0).length"
    )
    browser.call("Emulation.setEmulatedMedia", media="")
    assert hidden == 0
    assert browser.printed().startswith(b"%PDF")


def test_five_hundred_changes_open_within_two_seconds(browser: Page, tmp_path: Path):
    def stack(size: int) -> ResourceGraph:
        return graph(*(kube("core/v1:ConfigMap", f"c{n}", data={f"k{i}": str(size)
                            for i in range(20)}) for n in range(500)))  # fmt: skip

    opened(browser, html.comparison(platform.comparison(stack(1), stack(2))), tmp_path)
    taken = browser.value("performance.timing.loadEventEnd - performance.timing.navigationStart")
    assert taken < 2000


def test_the_pictures_of_the_documentation_are_small():
    files = sorted(FOLDER.glob("*.png"))
    reports = {file.stem for file in files if not file.stem.startswith("dashboard-")}
    assert reports == set(PICTURES)
    assert all(file.stat().st_size < 200_000 for file in files)


CONTRAST = """(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue('--' + name).trim();
  const light = text => {
    const parts = text.match(/[0-9a-f]{2}/gi).map(part => parseInt(part, 16) / 255)
      .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ratio = (one, other) => {
    const [high, low] = [light(colour(one)), light(colour(other))].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const found = {};
  for (const ground of ['page', 'soft'])
    for (const text of ['ink', 'quiet', 'link', 'add', 'change', 'replace', 'move', 'delete'])
      found[text + ' on ' + ground] = ratio(text, ground);
  for (const action of ['add', 'change', 'replace', 'move', 'delete'])
    found[action + ' on its ground'] = ratio(action, action + '-soft');
  return found;
})()"""
