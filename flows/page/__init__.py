"""The live page: shows people what rollguard decides, and on what evidence."""
