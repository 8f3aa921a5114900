"""What follows from verdicts: releases, rollbacks and their verification, alerts, control events."""
