"""The mathematics: tests, bounds and distances, a file each; nothing here knows of models and versions."""
