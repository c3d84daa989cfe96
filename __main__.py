"""The Pulumi program: everything is in stacks/."""

from stacks.program import main

main()
