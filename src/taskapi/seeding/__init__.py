"""Believable data to try the service with, the same again for the same seed.

What is made has ids that follow from the seed, the person and a number, so that a run that was interrupted is
gone on with by the next, and one that has nothing left to make changes nothing.
"""
