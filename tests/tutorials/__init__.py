"""The lessons run, and what is opened is what was written."""
