"""The lessons: each a text in percent format (`NN_name.py`), from which the notebook that a person opens is made."""
