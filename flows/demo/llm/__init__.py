"""The second half of the demo: answers in words, judged, complained about, and turned into tests that stop the bug."""
