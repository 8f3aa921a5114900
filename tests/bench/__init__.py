"""Benchmarks: throughput as ratios against a ceiling measured in the same run. `make bench` runs them."""
