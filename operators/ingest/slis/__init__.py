"""The kinds of SLIs, a file each: what makes an event or feedback good, bad or neither."""
