"""Deploys the topologies one after another on real pods of one local node."""

from __future__ import annotations

from tests.harness.real_pods import left_as_found, possible, pytest_terminal_summary

__all__ = ["left_as_found", "possible", "pytest_terminal_summary"]
