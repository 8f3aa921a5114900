"""The kinds of rules, a file each: what the counts of closed panes say of a series or a release."""
