"""A state dict in a file and back: `save(model.state_dict(), "a.safetensors")`, `load("a.safetensors")`.

As torch.save and torch.load, but of named tensors only, in a file that cannot hold code: any program that knows
safetensors or NumPy's .npz reads it, and a damaged one is refused (see files.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from minifcn.autograd import Variable
from minifcn.errors import ArgumentTypeError
from minifcn.machine.backend import is_array
from minifcn.tensor import Tensor, as_tensor
from minifcn.weights.files import load_arrays, save_arrays


def save(obj: object, f: str | os.PathLike[str]) -> None:
    """Writes a flat dict of Tensors or arrays by name, such as a state_dict, to `f`, whole or not at all.

    The suffix of `f` chooses the kind of file: .safetensors or .npz. Tensors on a GPU are copied to the host.

    Raises ArgumentTypeError for anything but such a dict, ArgumentError for another suffix, FileError if writing fails.
    """
    if isinstance(obj, str | os.PathLike):
        raise ArgumentTypeError(
            f"save: {str(obj)!r} is given first, but the path stands second; write save(state_dict, path)."
        )
    if not isinstance(obj, Mapping):
        remedy = f"pass {_name_of(obj)}.state_dict()" if hasattr(obj, "state_dict") else "give it a name: {'x': x}"
        raise ArgumentTypeError(f"save: a dict of tensors by name is saved, got {type(obj).__name__}; {remedy}.")
    for name, value in obj.items():
        if isinstance(value, Mapping):
            raise ArgumentTypeError(
                f"save: {name!r} is itself a dict, and a file holds one flat dict of tensors; save each in a file of "
                f"its own, or join them: {{f'{name}.{{key}}': value for key, value in ...items()}}."
            )
        if not isinstance(value, Variable) and not is_array(value):
            raise ArgumentTypeError(
                f"save: {name!r} is of type {type(value).__name__}, and a file holds tensors; convert a number with "
                f"minifcn.tensor(...), or leave it out."
            )
    save_arrays(f, obj)


def load(f: str | os.PathLike[str], map_location: str | None = None, *, inside: str | None = None) -> dict[str, Tensor]:
    """The named tensors of a file, ready for `model.load_state_dict`; on the CPU, or on the device `map_location`.

    Files of other programs are read too, as `load_arrays` does: a state_dict that torch.save wrote as .pth or .pt among
    them, but no pickle of anything else. Of a checkpoint `inside` says which network, where there are several.

    Raises ArgumentError for another suffix, or `inside` for a file that holds one network; FileError for a file that is
    missing, damaged or asks for other objects.
    """
    arrays, _ = load_arrays(f, inside=inside)
    return {name: as_tensor(array, device=map_location) for name, array in arrays.items()}


def _name_of(obj: object) -> str:
    return "optimizer" if hasattr(obj, "param_groups") else "model"
