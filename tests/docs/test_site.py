"""The pages are made without a warning, need no other machine, and are what a reader sees in a browser.

They are opened in a Chromium without a window. What is needed is said by `pip install ".[docs]"` and by the packages
chromium, chromium-driver and fonts-noto-cjk of the system; without them these tests are skipped, and say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MISSING = [name for name in ("sphinx", "myst_nb", "furo", "selenium") if find_spec(name) is None]
MISSING += [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
if MISSING and os.environ.get("MINIFCN_REQUIRE_SITE") == "1":
    raise ImportError(f"{', '.join(MISSING)} must be there; pip install '.[docs]', and Chromium with its driver.")
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

LESSONS = sorted(path.stem for path in (ROOT / "tutorials").glob("*.ipynb"))
sys.path.append(str(ROOT / "docs"))

from pages import TEXTS  # noqa: E402

PAGES = ["index", "api", *(f"made/{name}" for name in ("laws", "korean", "gallery", *TEXTS.values(), *LESSONS))]
WIDTHS = (390, 1280)  # a telephone and a screen


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, made as a person makes them, with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(ROOT / "docs"), str(folder)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"):
        options.add_argument(argument)
    options.binary_location = str(shutil.which("chromium"))
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    yield driver
    driver.quit()


def opened(browser: Any, site: Path, page: str, width: int = 1280) -> Any:
    """The page at a width, when its mathematics has been set."""
    narrow = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    browser.get((site / f"{page}.html").as_uri())
    until = time.monotonic() + 30
    waiting = "return !!document.querySelector('.math') && !document.querySelector('mjx-container')"
    while browser.execute_script(waiting) and time.monotonic() < until:
        time.sleep(0.1)
    return browser


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways_and_none_asks_another_machine(
    browser: Any, site: Path, page: str, width: int
) -> None:
    opened(browser, site, page, width)
    size = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert size[0] <= size[1] == width
    asked = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in asked if event["method"] == "Network.requestWillBeSent"]
    assert urls and all(url.startswith(("file:", "data:", "blob:")) for url in urls), urls
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_shows_pictures_mathematics_and_korean(browser: Any, site: Path, lesson: str) -> None:
    opened(browser, site, f"made/{lesson}")
    browser.execute_script("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    pictures = browser.execute_script(
        "return Promise.all([...document.querySelectorAll('.cell_output img')]"
        ".map(image => image.decode().then(() => image.naturalWidth)))"
    )
    assert len(pictures) >= 2 and all(width > 100 for width in pictures)
    assert browser.execute_script("return document.querySelectorAll('mjx-container').length") > 3
    text = browser.execute_script("return document.body.innerText")
    assert re.search("[가-힣]{3}", text)
    assert not re.search(r"\\\(|\\begin\{", text)  # mathematics that was not set


KOREAN = """
const drawn = (text, font) => {
  const paper = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  paper.font = '40px ' + font; paper.fillText(text, 5, 60);
  return [...paper.getImageData(0, 0, 60, 80).data].join();
};
const font = getComputedStyle(document.body).fontFamily;
return drawn('합', font) != drawn('\\uE0FF', font) && drawn('합', font) != drawn('곱', font);
"""


def test_korean_is_letters_and_not_boxes(browser: Any, site: Path) -> None:
    """Two letters are drawn differently, and not as a letter is that no font has."""
    assert opened(browser, site, f"made/{LESSONS[0]}").execute_script(KOREAN)


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_slider_that_is_moved_shows_another_picture(browser: Any, site: Path, lesson: str) -> None:
    opened(browser, site, f"made/{lesson}")
    shown = (
        "return [...document.querySelectorAll('.minifcn-frames')].map(slider =>"
        " [...slider.querySelectorAll('.minifcn-frame')].map(frame => frame.offsetHeight > 0))"
    )
    before = browser.execute_script(shown)
    assert before and all(frames[0] and sum(frames) == 1 for frames in before)
    browser.execute_script(
        "document.querySelectorAll('.minifcn-frames input').forEach(input => {"
        " input.value = 2; input.dispatchEvent(new Event('input', {bubbles: true})); })"
    )
    after = browser.execute_script(shown)
    assert all(frames[2] and sum(frames) == 1 for frames in after)
    assert browser.execute_script("return document.querySelector('.minifcn-frames output').textContent").startswith(
        "3 / "
    )


def test_the_search_finds_a_word_of_a_lesson(browser: Any, site: Path) -> None:
    opened(browser, site, "search")
    browser.get((site / "search.html").as_uri() + "?q=output_padding")
    until = time.monotonic() + 20
    while not browser.execute_script("return document.querySelectorAll('ul.search li a').length"):
        assert time.monotonic() < until, "nothing was found"
        time.sleep(0.1)
    assert "Size arithmetic" in browser.execute_script("return document.body.innerText")


def test_every_law_is_told(site: Path) -> None:
    from minifcn.testing import LAWS

    text = (site / "made" / "laws.html").read_text(encoding="utf-8")
    assert [name for name in LAWS if name not in text] == []


def test_every_claim_and_belief_leads_into_a_lesson(browser: Any, site: Path) -> None:
    for page in ("claims", "misconceptions"):
        opened(browser, site, f"made/{page}")
        links = browser.execute_script(
            "return [...document.querySelectorAll('article a.reference.internal')].map(link => link.href)"
        )
        lessons = [link for link in links if re.search(r"/made/\d\d_\w+\.html#.+", link)]
        assert lessons
        for link in set(lessons):
            target, _, anchor = link.rpartition("#")
            assert f'id="{anchor}"' in (site / "made" / target.rpartition("/")[2]).read_text(encoding="utf-8"), link


def test_every_figure_is_in_the_gallery_and_what_moves_has_a_slider(browser: Any, site: Path) -> None:
    from minifcn.plot.collection import PICTURES

    opened(browser, site, "made/gallery")
    browser.execute_script("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    drawn = browser.execute_script(
        "return Promise.all([...document.querySelectorAll('.gallery img')]"
        ".map(image => image.decode().then(() => [image.src, image.naturalWidth])))"
    )
    assert [Path(source).stem for source, width in drawn if width > 100] == list(PICTURES)
    moving = sorted((site / "figures").glob("*.html"))
    assert len(moving) > 20
    for page in (moving[0], moving[-1]):
        browser.get(page.as_uri())
        assert browser.execute_script("return document.querySelectorAll('.minifcn-frames input').length") == 1
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_the_front_page_leads_to_the_first_lesson_and_moves(browser: Any, site: Path) -> None:
    opened(browser, site, "index", 390)
    assert browser.execute_script("return document.querySelector('article img').naturalWidth") > 100
    text = browser.execute_script("return document.querySelector('article').innerText")
    assert text.index("lesson 01") < 900  # in the first screens of a telephone
    assert "한국어" in text


def test_the_korean_page_has_every_lesson(site: Path) -> None:
    text = (site / "made" / "korean.html").read_text(encoding="utf-8")
    assert [name for name in LESSONS if f'href="{name}.html"' not in text] == []
