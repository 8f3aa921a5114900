"""A sample of the requests is judged: which are drawn, what evaluators are asked, and what is written of it."""
