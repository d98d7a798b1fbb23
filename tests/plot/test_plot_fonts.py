"""Letters that matplotlib's own font lacks come from a font that has them; where there is none, that is said once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from minifcn.plot import confusion, fonts, gallery, save_figure
from minifcn.plot.fonts import OWN, families
from minifcn.plot.style import text_width

KOREAN = "한국어"


@pytest.fixture(autouse=True)
def no_other_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine with matplotlib's own fonts alone."""
    monkeypatch.setattr(fontManager, "ttflist", [entry for entry in fontManager.ttflist if "mpl-data" in entry.fname])
    fontManager._findfont_cached.cache_clear()
    yield
    fontManager._findfont_cached.cache_clear()


@pytest.fixture
def korean_font(tmp_path: Path) -> str:
    """A font of three square letters, found by matplotlib."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", *(f"u{ord(letter):X}" for letter in KOREAN)]
    pen = TTGlyphPen(None)
    for step, corner in enumerate([(100, 0), (100, 700), (800, 700), (800, 0)]):
        (pen.lineTo if step else pen.moveTo)(corner)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, KOREAN), names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (900, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Three Letters", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(tmp_path / "three.ttf")
    fontManager.addfont(tmp_path / "three.ttf")
    return "Three Letters"


def test_the_own_font_is_enough_where_it_has_the_letters() -> None:
    assert families(["Straße", "δέντρο", "дерево", "tree\n"]) == [OWN]


def test_a_font_that_has_them_is_taken(korean_font: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert families([KOREAN, "tree"]) == [OWN, korean_font]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib's own, too
        caplog.clear()
        save_figure(confusion(np.eye(2, dtype=int), [KOREAN, "tree"]), tmp_path / "x.png")
    assert caplog.messages == []
    assert text_width([KOREAN], 10) == pytest.approx(3 * 9 / 72, rel=0.2)


def test_where_none_has_them_it_is_said_in_one_warning(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning) as caught:
        figure = gallery(
            [np.zeros((9, 9, 3), np.uint8)], *2 * ([np.zeros((9, 9), int)],), [KOREAN, "木"], [[0, 0, 0], [9, 9, 9]]
        )
        save_figure(figure, tmp_path / "x.png")
    assert [str(each.message) for each in caught] == [
        "no font that is installed has 木 국 어 한, so pictures show boxes instead; install one that has them, for example "
        "Noto Sans CJK."
    ]
    assert Path(caught[0].filename).name == "pictures.py"


def test_a_font_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    assert fonts._letters(str(tmp_path / "bad.ttf"), 0) == frozenset()
