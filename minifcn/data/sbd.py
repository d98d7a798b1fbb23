"""SBD, the Semantic Boundaries Dataset: VOC's twenty classes in some 11,000 of its images, in files of MATLAB.

    dataset/img/2008_000002.jpg         an image of VOC
    dataset/cls/2008_000002.mat         GTcls.Segmentation: uint8 (H, W) of 0..20; there is no void
    dataset/train.txt, val.txt          names, one a line: 8498 in train.txt, and split in another way than VOC's

Its train.txt holds images of VOC's val.txt: what trains on it is measured on seg11valid, see voc.py.

Source: Hariharan, Arbelaez, Bourdev, Maji, Malik, "Semantic contours from inverse detectors", ICCV 2011.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minifcn.data.listing import read_names
from minifcn.data.pictures import Picture
from minifcn.errors import FileError, MinifcnError

LAYOUT = "the folder of SBD holds train.txt, val.txt, img/*.jpg and cls/*.mat; in its archive that is dataset/"


def find(root: Path) -> Path:
    """The folder that holds the lists: `root`, or dataset/ below it; FileError if neither does."""
    if not root.is_dir():
        raise FileError(f"{root}: there is no such folder; {LAYOUT}.")
    for folder in (root, root / "dataset", root / "benchmark_RELEASE" / "dataset"):
        if (folder / "train.txt").is_file() and (folder / "cls").is_dir():
            return folder
    raise FileError(f"{root}: there is no train.txt beside a folder cls in it; {LAYOUT}.")


def names(root: Path, split: str, faults: list[str]) -> list[str]:
    """What the list of `split` names; what is wrong with it is added to `faults`."""
    return read_names(root / f"{split}.txt", faults)


def files(root: Path, name: str) -> tuple[Path, Path]:
    """The image and the labels of `name`."""
    return root / "img" / f"{name}.jpg", root / "cls" / f"{name}.mat"


def open_labels(path: Path) -> Picture:
    """GTcls.Segmentation of a file; FileError if that is not there. Needs SciPy, which is imported here."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MinifcnError(
            'SBD\'s labels are MATLAB files and need SciPy, which is not installed; run pip install "minifcn[sbd]".'
        ) from error
    if not path.is_file():
        raise FileError(f"{path}: the label does not exist or is not a file.")
    try:
        found = loadmat(path, variable_names=["GTcls"], squeeze_me=True, struct_as_record=False)
        label = np.asarray(found["GTcls"].Segmentation)
    except (KeyError, AttributeError):
        raise FileError(f"{path}: there is no GTcls.Segmentation in it; take the file from SBD's folder cls.") from None
    except MemoryError:
        raise
    # A foreign parser, fed with whatever the file holds, may raise anything.
    except Exception as error:
        raise FileError(f"{path}: it is not readable as a MATLAB file ({type(error).__name__}).") from error
    if label.ndim != 2 or label.dtype.kind not in "iu" or label.size == 0:
        raise FileError(f"{path}: GTcls.Segmentation is {label.dtype} {label.shape}; it must be integers (H, W).")
    if label.min() < 0 or label.max() > 255:
        raise FileError(f"{path}: GTcls.Segmentation holds {label.min()} to {label.max()}; classes are 0..20.")
    return Picture(label.astype(np.uint8))
