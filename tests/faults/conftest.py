"""A profile that looks longer."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("faults", print_blob=True)
