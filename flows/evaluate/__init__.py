"""`rollguard evaluate`: has a sample of the requests judged; the judgements become feedback."""
