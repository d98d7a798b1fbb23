"""Files for other programs: a network leaves this library."""

from minifcn.export.exporting import Exported, onnx

__all__ = ["Exported", "onnx"]
