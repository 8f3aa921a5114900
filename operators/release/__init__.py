"""What follows from verdicts: the controller, and the pins that gateways obey."""
