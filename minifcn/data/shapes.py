"""The shapes and the textures of the generated scenes, as functions of a shape's own coordinates.

A shape is a signed distance, in pixels: negative inside, zero on the edge. Its union with another is the smaller of the
two distances, its intersection the larger, its outline at half-width t is |d| - t. The sign gives the label, the value
within half a pixel of the edge gives the smooth border of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating]  # float32 (h, w), over the window in which one object lies
Distance = Callable[[Map, Map], Map]


class Shape(NamedTuple):
    """`half_u`, `half_v`: the half-sizes of the box that holds the shape, in pixels, in its own turned coordinates."""

    half_u: float
    half_v: float
    turn: float  # radians
    distance: Distance


def _box(u: Map, v: Map, half_u: float, half_v: float) -> Map:
    return np.maximum(np.abs(u) - half_u, np.abs(v) - half_v)


def disc(rng: np.random.Generator, unit: float) -> Shape:
    """d = |p| - r."""
    r = unit * rng.uniform(12.0, 18.0)
    return Shape(r, r, rng.uniform(0.0, np.pi), lambda u, v: np.sqrt(u * u + v * v) - r)


def box(rng: np.random.Generator, unit: float) -> Shape:
    """d = max(|u| - a, |v| - b)."""
    a = unit * rng.uniform(12.0, 17.0)
    b = a * rng.uniform(0.7, 1.0)
    return Shape(a, b, rng.uniform(-0.4, 0.4), lambda u, v: _box(u, v, a, b))


def triangle(rng: np.random.Generator, unit: float) -> Shape:
    """The largest of the distances to three lines that lie r / 2 from the centre, 120 degrees apart."""
    r = unit * rng.uniform(18.0, 25.0)

    def distance(u: Map, v: Map) -> Map:
        slanted = np.sqrt(np.float32(0.75)) * np.abs(u) - np.float32(0.5) * v
        return np.maximum(slanted, v) - r / 2

    return Shape(r, r, rng.uniform(-0.4, 0.4), distance)


def ring(rng: np.random.Generator, unit: float) -> Shape:
    """d = ||p| - r| - t: what lies behind is seen through the hole."""
    outer = unit * rng.uniform(17.0, 23.0)
    inner = outer * rng.uniform(0.42, 0.52)
    r, t = (outer + inner) / 2, (outer - inner) / 2
    return Shape(outer, outer, rng.uniform(0.0, np.pi), lambda u, v: np.abs(np.sqrt(u * u + v * v) - r) - t)


def cross(rng: np.random.Generator, unit: float) -> Shape:
    """The union of two bars."""
    a = unit * rng.uniform(18.0, 23.0)
    t = a * rng.uniform(0.3, 0.36)
    return Shape(a, a, rng.uniform(0.0, np.pi), lambda u, v: np.minimum(_box(u, v, a, t), _box(u, v, t, a)))


def pole(rng: np.random.Generator, unit: float) -> Shape:
    """A long thin bar, nearly upright."""
    t = max(0.6, unit * rng.uniform(3.0, 3.8))
    a = unit * rng.uniform(30.0, 52.0)
    return Shape(t, a, rng.uniform(-0.35, 0.35), lambda u, v: _box(u, v, t, a))


def fence(rng: np.random.Generator, unit: float) -> Shape:
    """Posts at a fixed pitch and two rails, cut to a box: a lattice with holes."""
    t = max(0.6, unit * rng.uniform(2.8, 3.4))
    pitch = max(3.0, unit * rng.uniform(16.0, 19.0))
    posts = int(rng.integers(3, 6))
    a, b = pitch * (posts - 1) / 2 + t, unit * rng.uniform(15.0, 20.0)
    rail = b * rng.uniform(0.45, 0.65)
    shift = pitch / 2 * (posts % 2)  # an odd number of posts has one in the middle

    def distance(u: Map, v: Map) -> Map:
        to_post = np.abs((u + shift) % pitch - pitch / 2) - t
        to_rail = np.abs(np.abs(v) - rail) - t
        return np.maximum(np.minimum(to_post, to_rail), _box(u, v, a, b))

    return Shape(a, b, rng.uniform(-0.2, 0.2), distance)


# Textures: a map in -1..1 over the object's own coordinates; the two ends are the object's two colours.


def plain(rng: np.random.Generator, u: Map, v: Map, unit: float) -> Map:
    """One colour, a little lighter towards one side."""
    return (u + v) * np.float32(rng.uniform(-0.03, 0.03) / unit)


def stripes(rng: np.random.Generator, u: Map, v: Map, unit: float) -> Map:
    angle, wave = rng.uniform(0.0, np.pi), rng.uniform(0.7, 1.3) / unit
    along = u * np.float32(np.cos(angle) * wave) + v * np.float32(np.sin(angle) * wave)
    return np.clip(2 * np.sin(along), -1, 1)


def checks(rng: np.random.Generator, u: Map, v: Map, unit: float) -> Map:
    wave = np.float32(rng.uniform(0.5, 0.9) / unit)
    return np.clip(3 * np.sin(u * wave) * np.sin(v * wave), -1, 1)


def dots(rng: np.random.Generator, u: Map, v: Map, unit: float) -> Map:
    wave = np.float32(rng.uniform(0.8, 1.1) / unit)
    return np.clip(2 * (np.cos(u * wave) + np.cos(v * wave)) - 1.5, -1, 1)


def speckle(rng: np.random.Generator, u: Map, v: Map, unit: float) -> Map:
    """Grains of about `unit` pixels."""
    grain = max(1, round(2 * unit))
    h, w = u.shape
    coarse = rng.standard_normal((-(-h // grain), -(-w // grain)), dtype=np.float32)
    return np.clip(0.7 * coarse.repeat(grain, 0).repeat(grain, 1)[:h, :w], -1, 1)


SHAPES = (disc, box, triangle, ring, cross, pole, fence)
TEXTURES = (plain, plain, plain, stripes, checks, dots, speckle)
