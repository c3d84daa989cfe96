"""What runs in the process of another program, in that program's own environment.

It needs the program's own ``pulumi`` and nothing else.
"""
