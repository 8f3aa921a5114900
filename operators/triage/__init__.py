"""Cases: requests that a person or a check complained about, collected for people to look at."""
