"""The demo: a real classifier served in two versions for a simulated hour, and watched live."""
