"""What a preview looks like to its reader: on a terminal, in a pull request, to a program."""
