"""The one form of a user's problem, shared with the components."""

from components.problems import Problem, ProblemReport, nearest

__all__ = ["Problem", "ProblemReport", "nearest"]
