"""Platforms of every topology on real pods, one after the other; the node stays up between them."""

from __future__ import annotations

from tests.harness.real_pods import left_as_found, possible, pytest_terminal_summary

__all__ = ["left_as_found", "possible", "pytest_terminal_summary"]
