"""From raw messages of one partition to partial aggregates."""
