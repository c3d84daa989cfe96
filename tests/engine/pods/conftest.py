"""Platforms that a real Pulumi CLI deploys to real pods."""

from __future__ import annotations

from tests.harness.real_pods import left_as_found, possible

__all__ = ["left_as_found", "possible"]
