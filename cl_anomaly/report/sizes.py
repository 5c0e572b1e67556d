"""Sizes in words."""


def bytes_in_words(count: float) -> str:
    """Write bytes for people: 812 B, 3.1 kB, 2.40 MB."""
    if count < 1000:
        return f"{count:.0f} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.2f} MB"
