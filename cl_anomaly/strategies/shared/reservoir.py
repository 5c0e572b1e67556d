"""A reservoir of past samples for each replica, in a fixed number of bytes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws

_CHUNK = 1024
COUNTER_BYTES = 8
# Numbers below it times as many samples stay below what int64 holds.
_FINE = 1 << 31


def check_budget(samples: int, memory_bytes: int | None) -> None:
    """Refuse a budget without room.

    Raises:
        InputError: one of the two is below 1.
    """
    for name, value in (("samples", samples), ("memory_bytes", memory_bytes)):
        if value is not None and value < 1:
            raise InputError(setting=name, expected="to be 1 or more", got=value)


def capacity(samples: int, memory_bytes: int | None, bytes_each: int) -> int:
    """Count how many samples each replica keeps.

    Args:
        samples: how many, where no bytes are given.
        memory_bytes: of each replica, the eight of the counter included.
        bytes_each: that a sample takes, with all that is kept beside it.

    Raises:
        InputError: the bytes hold no sample.
    """
    if memory_bytes is None:
        return samples
    if memory_bytes < bytes_each + COUNTER_BYTES:
        raise InputError(
            setting="memory_bytes",
            expected=f"to hold a sample of {bytes_each} bytes and a counter of {COUNTER_BYTES}",
            got=memory_bytes,
        )
    return (memory_bytes - COUNTER_BYTES) // bytes_each


class Reservoir:
    """Samples of the past, each of all that were offered with the same chance to be kept.

    Vitter, "Random Sampling with a Reservoir" (ACM TOMS 1985), algorithm R: sample t takes the
    place of the one in slot j, j uniform from 0 to t − 1, where there is such a slot.

    Args:
        kept: where it keeps `seen`, (R,) int64, how many were offered; and by name what it keeps of
            each sample, (R, slots, ...). There are as many slots as the replica with most samples
            fills.
        device: that they lie on.
    """

    def __init__(self, kept: dict[str, Tensor], device: torch.device) -> None:
        self.kept, self._device = kept, device

    def __bool__(self) -> bool:
        """Return whether there is anything in it."""
        return bool(self.kept)

    def offer(self, indices: Sequence[Tensor], slots: int, random: Draws) -> tuple[Tensor, Tensor]:
        """Draw which samples are taken, and into which slots; `put` puts them there.

        Args:
            indices: R tensors (n_r,), int64, places of the samples that have come.
            slots: how many there are in all, see `capacity`.
            random: draws for full chunks, so that a replica sees the same beside longer tasks.

        Returns:
            The place of the sample for each slot, (R, slots in use), int64, and whether it is a
            new one, bool; where it is none, the place is that of any sample that has come.
        """
        device = self._device
        counts = torch.tensor([len(own) for own in indices], device=device)[:, None]
        longest = torch.arange(int(counts.max()))
        places = torch.stack([own[longest % len(own)] for own in indices]).to(device)
        seen = self.kept.setdefault("seen", torch.zeros_like(counts[:, 0]))[:, None]
        number = seen + 1 + longest.to(device)
        drawn = [random.integers(1 << 53, _CHUNK) for _ in range(0, len(longest), _CHUNK)]
        share = torch.cat(drawn, dim=1)[:, : len(longest)].double() / (1 << 53)
        slot = torch.where(number <= slots, number - 1, (share * number).long())
        slot = torch.where(longest.to(device) < counts, slot, slots).clamp(max=slots)
        last = torch.full((len(slot), slots + 1), -1, device=device)
        order = longest.to(device).expand_as(slot)
        last = last.scatter_reduce(1, slot, order, "amax")[:, :slots]
        self.kept["seen"] = seen[:, 0] + counts[:, 0]
        last = last[:, : min(slots, int(self.kept["seen"].max()))]
        return places.gather(1, last.clamp(min=0)), last >= 0

    def put(self, name: str, values: Tensor, is_new: Tensor) -> None:
        """Keep something of the samples that have come, (R, slots in use, ...), where `is_new`.

        Of more slots than are in use now, the last are given up: what is in any of a reservoir's
        slots is as good a sample of the past as what is in all.
        """
        old = values.clone()
        if name in self.kept:
            before = self.kept[name][:, : old.shape[1]]
            old[:, : before.shape[1]] = before
        where = is_new.reshape(*is_new.shape, *[1] * (values.dim() - 2))
        self.kept[name] = torch.where(where, values, old)

    def draw(self, count: int, random: Draws) -> Tensor:
        """Draw filled slots of each replica with replacement, (R, count), int64."""
        slots = max(own.shape[1] for own in self.kept.values() if own.dim() > 1)
        filled = self.kept["seen"].clamp(max=slots)[:, None]
        return (random.integers(_FINE, count) * filled) >> 31

    def take(self, name: str, slots: Tensor) -> Tensor:
        """Return what is kept by name in these slots (R, count): (R, count, ...)."""
        replicas = torch.arange(len(slots), device=slots.device)[:, None]
        return self.kept[name][replicas, slots]
