"""The kinds of rules, a file each: what the counts of closed panes say about a series or a release."""
