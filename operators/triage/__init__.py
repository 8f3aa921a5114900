"""Cases: requests that somebody or something complained about, brought together for people to look at."""
