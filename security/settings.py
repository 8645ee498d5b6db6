"""The security settings of an instance as one value. Nothing set is the strictest state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SecurityChanges = Mapping[str, Any]
"""What to change: a field of SecuritySettings → its checked value. Absent ones stay untouched."""


@dataclass(frozen=True)
class SecuritySettings:
    """Who may embed the instance's pages, and whether anybody may impersonate its users.

    ``allowed_origins`` are normalised (security.origins).
    """

    iframe_enabled: bool = False
    allowed_origins: tuple[str, ...] = ()
    impersonation_enabled: bool = False

    @property
    def embedding_origins(self) -> tuple[str, ...]:
        """The origins that may show the pages in a frame right now."""
        return self.allowed_origins if self.iframe_enabled else ()
