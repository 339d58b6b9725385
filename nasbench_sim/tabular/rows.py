"""From a configuration's key to its row in a table."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from nasbench_sim.spaces.space import Keys

# Odd multipliers spread keys over the buckets also where a space's keys are not hashes (Knuth, TAOCP 6.4).
_LANE = np.uint64(0xD6E8FEB86659FD93)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class RowIndex:
    """Rows of a table by key: a bucket for about each half row, then both lanes of the key compared.

    Args:
        keys: ``uint64[N, 2]``, distinct.

    Raises:
        ValueError: two rows have one key, or the shape is another.
    """

    def __init__(self, keys: Keys) -> None:
        keys = _checked(keys)
        bits = max(1, int(2 * len(keys) - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        bucket = self._bucket(keys)
        order = np.argsort(bucket, kind="stable")
        numbers = np.int32 if len(keys) < 2**31 else np.int64
        self._rows = np.append(order, -1).astype(numbers)  # one more, for buckets behind the last row
        self._keys = np.concatenate([keys[order], np.zeros((1, 2), np.uint64)])
        self._starts = np.zeros(2**bits + 1, numbers)
        np.cumsum(np.bincount(bucket, minlength=2**bits), out=self._starts[1:])
        found = self.rows(keys)
        if (clash := np.flatnonzero(found != np.arange(len(keys)))).size:
            raise ValueError(f"rows {found[clash[0]]} and {clash[0]} hold the same configuration")

    def __len__(self) -> int:
        return len(self._rows) - 1

    def rows(self, keys: Keys) -> npt.NDArray[np.int64]:
        """``int64[n]``: the row of each key of ``uint64[n, 2]``, -1 where the table has none."""
        keys = _checked(keys)
        bucket = self._bucket(keys)
        place, end = self._starts[bucket], self._starts[bucket + 1]
        hit = self._holds(place, keys) & (place < end)
        rows = np.where(hit, self._rows[place], np.int64(-1))
        open_ = np.flatnonzero(~hit & (place + 1 < end))  # the few whose bucket holds another key first
        wanted, place, end = keys[open_], place[open_] + 1, end[open_]
        while len(open_):
            hit = self._holds(place, wanted)
            rows[open_[hit]] = self._rows[place[hit]]
            place = place + 1
            left = ~hit & (place < end)
            open_, wanted, place, end = open_[left], wanted[left], place[left], end[left]
        return rows

    def _holds(self, place: npt.NDArray[np.integer], keys: Keys) -> npt.NDArray[np.bool_]:
        there = self._keys[place]
        return np.asarray((there[:, 0] == keys[:, 0]) & (there[:, 1] == keys[:, 1]))

    def _bucket(self, keys: Keys) -> npt.NDArray[np.int64]:
        mixed = (keys[:, 0] ^ (keys[:, 1] * _LANE)) * _SPREAD
        return (mixed >> self._shift).astype(np.int64)


def keys_digest(keys: Keys) -> str:
    """sha256 (hexadecimal) of the keys ``uint64[N, 2]`` in increasing order, whatever order they come in."""
    keys = _checked(keys)
    ordered = keys[np.lexsort((keys[:, 1], keys[:, 0]))]
    return hashlib.sha256(ordered.astype("<u8").tobytes()).hexdigest()


def _checked(keys: Keys) -> Keys:
    keys = np.asarray(keys)
    if keys.ndim != 2 or keys.shape[1] != 2 or keys.dtype != np.uint64:
        raise ValueError(f"keys are uint64[n, 2], not {keys.dtype}{list(keys.shape)}")
    return keys
