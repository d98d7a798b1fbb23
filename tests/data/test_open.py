"""The data set that the command line opens by a word."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from minifcn.data import Scenes, open_dataset
from minifcn.errors import ArgumentError, FileError


def test_scenes_come_with_a_count_for_each_split():
    assert [len(open_dataset("scenes", split=split)) for split in ("train", "val", "test")] == [3600, 100, 200]
    data = open_dataset("scenes", None, "val", (32, 48), 5, 7)
    assert isinstance(data, Scenes)
    assert len(data) == 7
    assert np.array_equal(data[3].image, Scenes(9, (32, 48), 5, "val")[3].image)


def test_what_the_command_line_may_get_wrong(tmp_path):
    with pytest.raises(ArgumentError, match="the data set 'coco' is not known; choose one of scenes, camvid, voc, fo"):
        open_dataset("coco", tmp_path)
    with pytest.raises(ArgumentError, match="the data set voc needs a root, .* such as VOCdevkit/VOC2012, holds JPEG"):
        open_dataset("voc")
    with pytest.raises(ArgumentError, match="SBD has labels for VOC's images, but the data set is camvid; leave sbd"):
        open_dataset("camvid", tmp_path, sbd=tmp_path)
    with pytest.raises(ArgumentError, match="scenes are generated and have no root, but pictures was given"):
        open_dataset("scenes", "pictures")
    with pytest.raises(ArgumentError, match="Scenes: the split 'dev' is not known"):
        open_dataset("scenes", split="dev")
    with pytest.raises(ArgumentError, match="the data set camvid needs a root, .* a CamVid folder holds train.txt"):
        open_dataset("camvid")
    with pytest.raises(
        ArgumentError, match="the data set folder needs a root, .* such a folder holds images/ and masks/"
    ):
        open_dataset("folder")
    with pytest.raises(FileError, match="there is no train.txt in it, nor in a folder CamVid below it"):
        open_dataset("camvid", tmp_path)
    with pytest.raises(FileError, match=r"classes.toml: the file does not exist"):
        open_dataset("folder", tmp_path)


def test_pillow_is_not_imported_before_a_picture_is_read():
    code = "import sys, minifcn.data; d = minifcn.data.Scenes(1)[0]; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
