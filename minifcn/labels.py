"""What a label means: an integer in [0, C) is a class, VOID is a pixel that is neither learnt nor counted."""

VOID = 255
