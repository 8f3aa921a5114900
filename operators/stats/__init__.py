"""The mathematics: tests, bounds and distances, a file each, that know nothing of models and versions."""
