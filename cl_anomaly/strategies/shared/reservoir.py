"""A reservoir of past samples for each replica, in a fixed number of bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cl_anomaly.core.errors import InputError
from cl_anomaly.core.randomness import Draws

_CHUNK = 1024
_COUNTER_BYTES = 8
# Random numbers below it, times a number of samples below it, fit into int64.
_FINE = 1 << 31
# One in this many stored samples sets thresholds: of 500, enough for a rate of 1 %.
_ASIDE = 5


@dataclass(frozen=True)
class Budget:
    """The room that each replica has for stored samples.

    Attributes:
        samples: their number, if no bytes are given.
        memory_bytes: of each replica, including the eight of each counter.

    Raises:
        InputError: one of the two is below 1.
    """

    samples: int
    memory_bytes: int | None

    def __post_init__(self) -> None:
        """Refuse a budget without room."""
        for name, value in vars(self).items():
            if value is not None and value < 1:
                raise InputError(setting=name, expected="to be 1 or more", got=value)

    def slots(self, bytes_each: int) -> int:
        """Count the samples that fit, given the bytes of each with everything kept beside it.

        Raises:
            InputError: the bytes hold no sample.
        """
        if self.memory_bytes is None:
            return self.samples
        if self.memory_bytes < bytes_each + _COUNTER_BYTES:
            raise InputError(
                setting="memory_bytes",
                expected=f"to hold a sample of {bytes_each} bytes and a counter of "
                f"{_COUNTER_BYTES}",
                got=self.memory_bytes,
            )
        return (self.memory_bytes - _COUNTER_BYTES) // bytes_each

    def slots_with_aside(self, bytes_each: int, sample_bytes: int) -> tuple[int, int]:
        """Count the samples to train on, and those to set thresholds, that fit together.

        Of bytes, the second counter takes the place of as many samples as it needs.
        """
        slots = self.slots(bytes_each)
        aside = slots // _ASIDE
        counter = 0 if self.memory_bytes is None else -(-_COUNTER_BYTES // sample_bytes)
        return slots - aside, max(0, aside - counter)


class Reservoir:
    """Samples of the past: all that were offered had the same chance to be kept.

    Vitter, "Random Sampling with a Reservoir" (ACM TOMS 1985), algorithm R: sample t takes the
    place of the one in slot j, j uniform from 0 to t − 1, where there is such a slot.

    Args:
        kept: filled with `seen`, (R,) int64, how many were offered, and with tensors by name, one
            entry for each sample, (R, slots, ...). The replica with most samples fills all slots.
        device: of these tensors.
    """

    def __init__(self, kept: dict[str, Tensor], device: torch.device) -> None:
        self.kept, self._device = kept, device

    def __bool__(self) -> bool:
        """Return whether there is anything in it."""
        return bool(self.kept)

    def offer(self, indices: Sequence[Tensor], slots: int, random: Draws) -> tuple[Tensor, Tensor]:
        """Draw which samples are taken, and into which slots; `put` stores them there.

        Args:
            indices: R tensors (n_r,), int64, places of the new samples.
            slots: how many there are in all, see `Budget`.
            random: draws for full chunks, so that a replica sees the same beside longer tasks.

        Returns:
            The place of each slot's new sample, (R, slots in use), int64, and whether there is
            one, bool; if there is none, the place is that of any new sample.
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
        """Store values of the new samples, (R, slots in use, ...), where `is_new`.

        If more slots were in use before, the last are dropped: any slots of a reservoir are as good
        a sample of the past as all.
        """
        old = values.clone()
        if name in self.kept:
            before = self.kept[name][:, : old.shape[1]]
            old[:, : before.shape[1]] = before
        where = is_new.reshape(*is_new.shape, *[1] * (values.dim() - 2))
        self.kept[name] = torch.where(where, values, old)

    def counts(self) -> tuple[Tensor, Tensor]:
        """Count the samples that each replica stores, and those that were offered; (R,), int64."""
        slots = max(own.shape[1] for own in self.kept.values() if own.dim() > 1)
        return self.kept["seen"].clamp(max=slots), self.kept["seen"]

    def draw(self, count: int, random: Draws) -> Tensor:
        """Draw filled slots of each replica with replacement, (R, count), int64."""
        return (random.integers(_FINE, count) * self.counts()[0][:, None]) >> 31

    def drawn(self, name: str, count: int, random: Draws) -> Tensor:
        """Draw values stored under a name, with replacement: (R, count, ...)."""
        return self.take(name, self.draw(count, random))

    def take(self, name: str, slots: Tensor) -> Tensor:
        """Return the values stored under a name in these slots (R, count): (R, count, ...)."""
        replicas = torch.arange(len(slots), device=slots.device)[:, None]
        return self.kept[name][replicas, slots]
