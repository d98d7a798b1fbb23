"""A complaint of the parser names what was meant, and the usage of the command that was typed."""

from __future__ import annotations

import pytest

from minifcn import cli
from minifcn.commands.parsing import commands_of


@pytest.mark.parametrize(
    ("line", "usage", "said"),
    [
        ("evalute", "minifcn [-h]", "did you mean evaluate?"),
        ("train --optimiser sgd", "minifcn train", "unrecognized arguments: --optimiser sgd; --optimiser is not known, "
         "did you mean --optimizer?"),
        ("train --optimiser=sgd --lerning 3", "minifcn train", "--optimiser is not known, did you mean --optimizer?"),
        ("train --data sceens", "minifcn train", "did you mean scenes?"),
        ("evaluate --wieghts run", "minifcn evaluate", "--wieghts is not known, did you mean --weights?"),
        ("segment --weights w --outt x a.png", "minifcn segment", "--outt is not known, did you mean --out?"),
        ("explain --allignment caffe", "minifcn explain", "--allignment is not known, did you mean --alignment?"),
    ],
)  # fmt: skip
def test_the_nearest_is_suggested(line: str, usage: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(line.split())
    err = capsys.readouterr().err
    assert caught.value.code == 2
    assert err.startswith(f"usage: {usage} ") and said in err.splitlines()[-1]


@pytest.mark.parametrize("line", ["train --zzz", "train more", "train --data xyzzy"])
def test_where_nothing_is_near_nothing_is_suggested(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(line.split())
    err = capsys.readouterr().err
    assert err.startswith("usage: minifcn train ") and "did you mean" not in err


def test_a_beginning_of_an_option_is_still_enough() -> None:
    assert vars(cli.parser().parse_args(["train", "--epo", "3"]))["epochs"] == 3
    assert commands_of(commands_of(cli.parser())["train"]) == {}
