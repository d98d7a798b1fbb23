"""`python -m minifcn.testing` as it is typed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from minifcn.errors import ArgumentError
from minifcn.testing import LAWS, check, laws_about
from minifcn.testing.__main__ import main


def test_laws_are_printed_with_their_formulas(capsys):
    assert main(["laws", "conv2d_weight"]) == 0
    printed = capsys.readouterr().out
    assert "one_number_in_three_ways   (conv2d, conv_transpose2d and conv2d_weight)" in printed
    assert LAWS["one_number_in_three_ways"].formula in printed
    assert printed.endswith(f"{len(laws_about('conv2d_weight'))} laws\n")
    assert main(["laws"]) == 0
    assert capsys.readouterr().out.endswith(f"{len(LAWS)} laws\n")


def test_the_score_of_one_operation(capsys):
    assert main(["score", "conv_transpose_output_size", "--examples", "20"]) == 0
    printed = capsys.readouterr().out
    assert "output_size_without_dilation: The kernel counts without its holes." in printed
    assert "    killed by each_preimage_has_its_output_padding, " in printed
    assert re.search(r"\b(\d+) of \1 mutants killed by \d+ laws", printed)


def test_too_few_examples_let_mutants_live_and_the_command_says_so(capsys):
    assert main(["score", "conv2d_weight", "--examples", "1", "--seed", "5"]) == 1
    assert "ALIVE: no law kills it" in capsys.readouterr().out


def test_a_file_of_ones_own(tmp_path, capsys):
    mine = tmp_path / "mine.py"
    mine.write_text("from minifcn.testing.ours import conv_output_size\n")
    assert main(["check", str(mine), "--examples", "10"]) == 0
    assert "conv_output_size: all" in capsys.readouterr().out
    mine.write_text("def conv_output_size(size, kernel_size, **options):\n    return 1, 1\n")
    assert main(["check", str(mine), "--examples", "10"]) == 1
    assert "do not hold" in capsys.readouterr().out.replace("does", "do")


def test_what_cannot_be_run(tmp_path, capsys):
    broken, empty = tmp_path / "broken.py", tmp_path / "empty.py"
    broken.write_text("1 / 0\n")
    empty.write_text("def convolve(): pass\n")
    for arguments, sentence in (
        (["laws", "convolve"], "there is no operation 'convolve'; choose from conv2d, "),
        (["check", str(tmp_path / "lost.py")], "lost.py is not a Python file that can be read; pass the path of one."),
        (["check", str(broken)], "broken.py cannot be run, it raised ZeroDivisionError: division by zero"),
        (
            ["check", str(empty)],
            "empty.py has no function of an operation's name (there is convolve); name it one of conv2d, ",
        ),
        (["laws", "conv_2d"], "there is no operation 'conv_2d' (is conv2d meant?); choose from conv2d, "),
    ):
        assert main(arguments) == 2
        assert sentence in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])
    for command in (["check", str(empty)], ["score"]):
        with pytest.raises(SystemExit):
            main([*command, "--examples", "0"])
        assert "argument --examples: 0 is not a whole number above 0" in capsys.readouterr().err
    with pytest.raises(ArgumentError, match="examples must be between 1 and 2147483647, got 0"):
        check(conv_output_size=lambda size, kernel_size: size, examples=0)


def test_without_hypothesis_the_import_says_what_to_install():
    script = "import sys; sys.modules['hypothesis'] = None; import minifcn.testing"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.returncode == 1
    assert 'minifcn.testing needs Hypothesis, which is not installed; pip install "minifcn[testing]".' in answer.stderr
