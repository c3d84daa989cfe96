"""Rules that find risks, one file for each subject."""
