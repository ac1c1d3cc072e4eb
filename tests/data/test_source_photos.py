"""The photographs of scikit-image's wheel."""

from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data

from restorelab.data.sources.photos import PARTS, Photos
from restorelab.data.split import split
from restorelab.errors import ConfigError


def test_patches_are_pieces_of_the_photographs():
    items = {item.id: item for item in Photos(patch=32, stride=16, most=10**6).items()}
    for name, photograph in (("camera", skimage.data.camera()), ("chelsea", skimage.data.chelsea())):
        height, width = photograph.shape[:2]
        mine = [item for item in items.values() if item.group == name]
        assert len(mine) == ((height - 32) // 16 + 1) * ((width - 32) // 16 + 1)
        assert np.array_equal(items[f"{name}/y0064_x0128"].clean, photograph[64:96, 128:160])
        last = mine[-1]
        assert last.id == f"{name}/y{(height - 32) // 16 * 16:04d}_x{(width - 32) // 16 * 16:04d}"


def test_whole_photographs_are_held_out():
    items = Photos().items()
    assert len({item.id for item in items}) == len(items)
    assert all(item.clean.shape[:2] == (64, 64) and item.clean.dtype == np.uint8 for item in items)
    parts: dict[str, set[str]] = {}
    for item in items:
        parts.setdefault(item.group, set()).add(str(item.split))
    assert all(len(part) == 1 for part in parts.values())
    assert len(parts) == 18
    assert sum(map(len, PARTS.values())) == 19  # the two motorcycles are one scene
    for part, least in (("train", 600), ("val", 80), ("test", 150)):
        assert sum(item.split == part for item in items) >= least


def test_no_photograph_prevails():
    names = [item.id.split("/")[0] for item in Photos(most=20).items()]
    counts = {name: names.count(name) for name in names}
    assert max(counts.values()) == 20
    assert counts["retina"] == 20
    rows = [int(item.id[-9:-6]) for item in Photos(most=20).items() if item.group == "retina"]
    assert max(rows) - min(rows) > 200 or len(set(rows)) > 5  # spread over it, not its first rows


def test_whole_photographs():
    items = Photos(patch=None).items()
    assert len(items) == 19
    by_id = {item.id: item for item in items}
    assert np.array_equal(by_id["astronaut"].clean, skimage.data.astronaut())
    assert by_id["motorcycle_left"].group == by_id["motorcycle_right"].group == "motorcycle"


def test_official_parts_reach_the_split():
    items = Photos(patch=None).items()

    columns = {f"{name}s": [getattr(item, name) for item in items] for name in ("id", "group", "split")}
    table = SimpleNamespace(**columns)
    rows = split(table, val=0.1, test=0.1, seed=0)
    assert {table.ids[row] for row in rows["test"]} == {"camera", "chelsea", "coffee", "gravel"}
    assert {table.ids[row] for row in rows["val"]} == {"coins", "ihc", "text"}


def test_fingerprint_follows_the_cut():
    prints = {str(Photos(**options).fingerprint()) for options in ({}, {"patch": 32}, {"stride": 32}, {"most": 9})}
    assert len(prints) == 4
    assert Photos().fingerprint() == Photos(stride=64).fingerprint()


@pytest.mark.parametrize("name", ["patch", "stride", "most"])
def test_numbers_that_mean_nothing(name: str):
    with pytest.raises(ConfigError, match=f"{name}=0"):
        Photos(**{name: 0})
