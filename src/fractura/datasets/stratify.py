"""Deal groups out to parts of given shares so that every stratum is shared out alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 10


def deal(
    counts: NDArray[np.int64], shares: Sequence[float], seed: int, *, everywhere: Sequence[int] = ()
) -> NDArray[np.int64]:
    """The part of each group, from 0.

    Groups are dealt out largest first, each to the part where it does least harm, and then moved
    one at a time for as long as that helps. Harm is Pearson's chi-square of the columns' counts
    in the parts against their due. At last, a part that is off its due by more than the largest
    group gives or takes groups until it is not, unless a column that must be ``everywhere`` went.

    Args:
        counts: ``[groups, columns]``: how many records of each stratum a group holds. The first
            column counts all of them. Columns may overlap (a label, and a label in one region).
        shares: of the records due to each part, more than 0; their sum is 1.
        seed: decides between groups of one size.
        everywhere: columns that shall occur in every part, if their groups can be arranged so.
    """
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order, 0], kind="stable")]
    table = _Table(counts, np.asarray(shares), everywhere)
    for group in order:
        table.put(group, int(np.argmin(table.harm(group))))
    for column in sorted(everywhere, key=lambda column: np.count_nonzero(counts[:, column])):
        table.spread(column)
    for _ in range(_ROUNDS):
        if not sum([table.improve(group) for group in order]):
            break
    table.level()
    return table.part


class _Table:
    """Which group lies in which part, and how far the parts are from their due."""

    def __init__(
        self, counts: NDArray[np.int64], shares: NDArray[np.float64], everywhere: Sequence[int]
    ) -> None:
        due = np.outer(shares, counts.sum(axis=0))
        self.counts = counts.astype(np.float64)
        self.columns = [np.flatnonzero(row) for row in counts]
        self.needed = [[column for column in everywhere if row[column]] for row in counts]
        self.weight = 1 / np.maximum(due, 1e-9)
        self.excess = -due
        self.groups_with = np.zeros(due.shape, np.int64)
        self.part = np.full(len(counts), -1)

    def put(self, group: int, part: int) -> None:
        here, columns = self.part[group], self.columns[group]
        if here >= 0:
            self.excess[here, columns] -= self.counts[group, columns]
            self.groups_with[here, columns] -= 1
        self.excess[part, columns] += self.counts[group, columns]
        self.groups_with[part, columns] += 1
        self.part[group] = part

    def harm(self, group: int) -> NDArray[np.float64]:
        """By how much chi-square differs where the group is in each of the parts."""
        here, columns = self.part[group], self.columns[group]
        count, excess = self.counts[group, columns], self.excess[:, columns]
        if here >= 0:
            excess[here] -= count
        gain = (2 * excess + count) * count * self.weight[:, columns]
        return np.asarray(gain.sum(axis=1))

    def is_last(self, group: int) -> bool:
        """Whether its part would lack a needed column without it."""
        here = self.part[group]
        return any(self.groups_with[here, column] == 1 for column in self.needed[group])

    def improve(self, group: int) -> bool:
        """Move the group to where it does least harm, if that is elsewhere."""
        harm = self.harm(group)
        best = int(np.argmin(harm))
        if harm[best] >= harm[self.part[group]] - 1e-9 or self.is_last(group):
            return False
        self.put(group, best)
        return True

    def spread(self, column: int) -> None:
        """Give parts that lack the column the smallest groups that others can spare."""
        holders = np.flatnonzero(self.counts[:, column]).tolist()
        for part in np.flatnonzero(self.groups_with[:, column] == 0):
            spare = [group for group in holders if not self.is_last(group)]
            if spare:
                self.put(min(spare, key=lambda group: float(self.counts[group, 0])), int(part))

    def level(self) -> None:
        """Bring every part within one largest group of its due.

        Moving a group of ``g`` records from a part with ``a`` too many to one with ``b`` too few
        changes the sum of squared deviations by ``2 g (g - a - b)``, which is negative here.
        """
        largest = self.counts[:, 0].max(initial=0)
        while np.abs(self.excess[:, 0]).max() > largest:
            giver, taker = int(np.argmax(self.excess[:, 0])), int(np.argmin(self.excess[:, 0]))
            groups = np.flatnonzero((self.part == giver) & (self.counts[:, 0] > 0)).tolist()
            spare = [group for group in groups if not self.is_last(group)]
            if not spare:
                return
            self.put(min(spare, key=lambda group: float(self.harm(group)[taker])), taker)
