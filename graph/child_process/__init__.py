"""Runs a previewed program in a process of its own, in the program's Python environment.

These modules may import only ``pulumi`` and what ``pulumi`` itself requires.
"""
