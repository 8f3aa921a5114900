"""The kinds of evaluators, a file each: what an answer is scored by."""
