"""Stands for a training: the best of many guesses. Arguments: seed, number of steps, file for the score."""

import pathlib
import random
import sys

seed, steps, target = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
guess = random.Random(seed).random
target.write_text(str(max(guess() for _ in range(steps))))
